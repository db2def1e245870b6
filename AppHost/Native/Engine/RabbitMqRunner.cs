using Shop.AppHost.Native.Model;
using Shop.AppHost.Native.Output;
using Shop.AppHost.Native.Servers;
using Shop.AppHost.Native.State;

namespace Shop.AppHost.Native.Engine;

/// <summary>The broker's node, with the users and the topology of the committed definitions.</summary>
internal sealed class RabbitMqRunner(RabbitMQServerResource resource, EngineContext context) : IRunner
{
    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(15);

    private readonly CancellationTokenSource _stopped = new();
    private readonly string _directory = Path.Combine(context.Home, resource.Name);
    private readonly RabbitMqPorts _ports = new(
        context.TakePort(resource.Name),
        context.TakePort($"{resource.Name}-management"),
        context.TakePort($"{resource.Name}-distribution"),
        context.TakePort($"{resource.Name}-epmd"));

    private RabbitMqServer? _server;
    private Task _watch = Task.CompletedTask;

    public Resource Resource => resource;

    public int Port => _ports.Amqp;

    private ResourceLog Log { get; } = context.OpenLog(resource.Name);

    public Uri ManagementUri => _server!.ManagementUri;

    /// <summary>Known before the broker answers: whoever does not wait for it tries until it does.</summary>
    public string AmqpUri(string user) =>
        $"amqp://{user}:{Uri.EscapeDataString(context.Password(resource.Name, user))}@127.0.0.1:{Port}/{RabbitMqDefinitions.VirtualHost}";

    public async Task StartAsync(CancellationToken ct)
    {
        Report(null);
        var process = await StartServerAsync(ct);
        await _server!.EnsureVirtualHostAsync(RabbitMqDefinitions.VirtualHost, ct);
        if (resource.LoadsDefinitions)
        {
            await _server.LoadDefinitionsAsync(RabbitMqDefinitions.Read(user => context.Password(resource.Name, user)), ct);
        }

        _watch = new ServerWatch(resource.Name, context).RunAsync(process, StartServerAsync, _stopped.Token);
    }

    public async Task StopAsync(CancellationToken hurry)
    {
        await _stopped.CancelAsync();
        await _watch.ContinueWith(_ => { }, TaskScheduler.Default);
        await RabbitMqNode.Open(_directory).StopAsync(s_grace, CancellationToken.None);
        Report(null);
    }

    public void Dispose() => _stopped.Dispose();

    private async Task<ProcessIdentity> StartServerAsync(CancellationToken ct)
    {
        _server = await RabbitMqServer.StartAsync(_directory, _ports, context.Password(resource.Name, "admin"), Log.Write, ct);
        var process = ProcessIdentity.Of(_server.ProcessId)
            ?? throw new StartFailedException($"{resource.Name} ended right after its start; see {_directory}");
        Report(process);
        return process;
    }

    private void Report(ProcessIdentity? process) => context.State.Set(
        new ServerState(resource.Name, "127.0.0.1", _ports.Amqp, Healthy: process is not null, process));
}
