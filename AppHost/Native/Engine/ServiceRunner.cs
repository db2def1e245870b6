using System.Globalization;
using Shop.AppHost.Native.Model;
using Shop.AppHost.Native.State;
using Shop.AppHost.Native.Supervision;

namespace Shop.AppHost.Native.Engine;

/// <summary>A service: healthy when its health check says so, started again when it dies, until it is stopped.</summary>
internal sealed class ServiceRunner : ProjectRunner
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(100);

    private readonly CancellationTokenSource _stopped = new();
    private readonly UriBuilder _url;
    private readonly int _preferredPort;
    private Task _supervision = Task.CompletedTask;

    public ServiceRunner(ProjectResource resource, EngineContext context)
        : base(resource, context)
    {
        var preferred = resource.LaunchProfile!.Url;
        _url = new UriBuilder(preferred) { Port = context.TakePort(resource.Name, preferred.Port) };
        _preferredPort = preferred.Port;
        Report(null, healthy: false);
    }

    public Uri Address => _url.Uri;

    protected override Uri Url => _url.Uri;

    public override async Task StartAsync(CancellationToken ct)
    {
        var process = StartProcess();
        Report(process, healthy: false);
        _supervision = SuperviseAsync(process, _stopped.Token);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(s_patience);
        try
        {
            await WaitUntilHealthyAsync(patience.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new StartFailedException(string.Create(
                CultureInfo.InvariantCulture,
                $"{Project.Name} did not become healthy at {_url.Uri} within {s_patience.TotalSeconds:0} s.\n{LogTail()}"));
        }

        Report(Process, healthy: true);
        Context.Console.Detail($"{Project.Name} is healthy");
    }

    public override async Task StopAsync(CancellationToken hurry)
    {
        await _stopped.CancelAsync();
        await _supervision.ContinueWith(_ => { }, TaskScheduler.Default);
        await StopProcessAsync(hurry);
        Report(null, healthy: false);
    }

    public override void Dispose()
    {
        Process?.Dispose();
        _stopped.Dispose();
    }

    private async Task SuperviseAsync(ManagedProcess process, CancellationToken ct)
    {
        var backoff = new RestartBackoff();
        while (true)
        {
            var since = Context.Clock.GetTimestamp();
            var exitCode = await process.Exited.WaitAsync(ct);
            Report(null, healthy: false);
            var wait = backoff.Next(Context.Clock.GetElapsedTime(since));
            Context.Console.Problem($"{Project.Name} ended ({Describe(exitCode)}); {backoff.Describe(wait)}");
            await Task.Delay(wait, Context.Clock, ct);
            // It may have died because another program took its port before it could listen there.
            _url.Port = Context.TakePort(Project.Name, _preferredPort);
            process = StartProcess();
            Report(process, healthy: false);
            _ = AnnounceAsync(process, ct);
        }
    }

    /// <summary>After a restart; a process that dies before it is healthy is the next round's.</summary>
    private async Task AnnounceAsync(ManagedProcess process, CancellationToken ct)
    {
        using var alive = CancellationTokenSource.CreateLinkedTokenSource(ct);
        _ = process.Exited.ContinueWith(_ => alive.CancelAsync(), ct, TaskContinuationOptions.None, TaskScheduler.Default);
        try
        {
            await WaitUntilHealthyAsync(alive.Token);
            Report(process, healthy: true);
            Context.Console.Notice($"{Project.Name} is healthy again.");
        }
        catch (OperationCanceledException)
        {
            // It died or the shop stops; either is said elsewhere.
        }
    }

    private async Task WaitUntilHealthyAsync(CancellationToken ct)
    {
        while (!await IsHealthyAsync(ct))
        {
            await Task.Delay(s_interval, Context.Clock, ct);
        }
    }

    private async Task<bool> IsHealthyAsync(CancellationToken ct)
    {
        if (Project.HealthPath is not { } path)
        {
            return true;
        }

        try
        {
            using var response = await Context.Http.GetAsync(new Uri(_url.Uri, path), ct);
            return response.IsSuccessStatusCode
                && Process is { Exited.IsCompleted: false } process
                && ListeningPorts.IsOwnedBy(_url.Port, process.Identity.Pid);
        }
        catch (Exception e) when (e is HttpRequestException || (e is TaskCanceledException && !ct.IsCancellationRequested))
        {
            return false;
        }
    }

    private void Report(ManagedProcess? process, bool healthy) => Context.State.Set(new ServiceState(
        Project.Name, _url.Uri.GetLeftPart(UriPartial.Authority), Project.HealthPath, healthy, process?.Identity));

    private static string Describe(int exitCode) =>
        exitCode > 128 ? $"killed by signal {exitCode - 128}" : $"exit code {exitCode}";
}
