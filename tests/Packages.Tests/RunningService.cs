using System.Collections.Concurrent;
using System.Diagnostics;

namespace Shop.Packages.Tests;

/// <summary>A program that was built in a folder, as a process, with what it writes.</summary>
internal sealed class RunningService : IAsyncDisposable
{
    private readonly Process _process;
    private readonly ConcurrentQueue<string> _lines = [];

    private RunningService(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => _lines.Enqueue(line.Data ?? "");
        process.ErrorDataReceived += (_, line) => _lines.Enqueue(line.Data ?? "");
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public HttpClient Http { get; } = new();

    public string Output => string.Join('\n', _lines);

    /// <summary>Starts it and waits until it listens.</summary>
    public static async Task<RunningService> StartAsync(string project, TestDatabase database, TestVirtualHost broker)
    {
        var program = Path.Combine(project, "bin/Debug/net10.0", Path.GetFileName(project) + ".dll");
        var start = await Packed.StartAsync(project, "dotnet", program, "--urls", "http://127.0.0.1:0");
        start.Environment["ConnectionStrings__Database"] = database.ConnectionString;
        start.Environment["ConnectionStrings__rabbitmq"] = broker.AmqpUri.ToString();
        var service = new RunningService(Process.Start(start)!);
        try
        {
            var address = await Eventually.IsAsync("it listens",
                () => Task.FromResult(service._lines.FirstOrDefault(line => line.Contains("Now listening on: ", StringComparison.Ordinal))),
                line => line is not null || service._process.HasExited);
            Assert.False(service._process.HasExited, service.Output);
            service.Http.BaseAddress = new Uri(address!.Split(": ")[^1]);
            return service;
        }
        catch
        {
            await service.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits, and fails as soon as a service has ended or has logged an error, with what it wrote.</summary>
    public static async Task HoldsAsync(string what, Func<Task<bool>> condition, params IReadOnlyList<RunningService> services)
    {
        var state = await Eventually.IsAsync(what, async () => (Holds: await condition(), Service: services.FirstOrDefault(service => service.IsFaulty)),
            now => now.Holds || now.Service is not null);
        Assert.True(state.Holds, $"Did not come true: {what}. The service wrote:\n{state.Service?.Output}");
    }

    private bool IsFaulty => _process.HasExited
        || _lines.Any(line => line.StartsWith("fail: ", StringComparison.Ordinal) || line.StartsWith("crit: ", StringComparison.Ordinal));

    public async ValueTask DisposeAsync()
    {
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
        Http.Dispose();
    }
}
