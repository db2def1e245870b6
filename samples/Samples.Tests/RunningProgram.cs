using System.Collections.Concurrent;
using System.Diagnostics;

namespace Samples.Tests;

/// <summary>A sample as a process of its own, so that it can be killed. The samples share nothing with the repository but packages.</summary>
internal sealed class RunningProgram : IAsyncDisposable
{
    private readonly Process _process;
    private readonly ConcurrentQueue<string> _lines = [];

    private RunningProgram(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => _lines.Enqueue(line.Data ?? "");
        process.ErrorDataReceived += (_, line) => _lines.Enqueue(line.Data ?? "");
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public HttpClient Http { get; } = new();

    public static async Task<RunningProgram> StartAsync(string sample, string database, Uri broker, params IEnumerable<string> settings)
    {
        // samples/Samples.Tests/bin/Release/net10.0 and samples/Ledger/bin/Release/net10.0
        var build = new DirectoryInfo(AppContext.BaseDirectory);
        var program = Path.Combine(build.Parent!.Parent!.Parent!.Parent!.FullName, sample, "bin", build.Parent.Name, build.Name, $"{sample}.dll");
        string[] arguments =
        [
            program, "--urls=http://127.0.0.1:0", $"--ConnectionStrings:Database={database}", $"--ConnectionStrings:rabbitmq={broker}", .. settings,
        ];
        var running = new RunningProgram(Process.Start(new ProcessStartInfo("dotnet", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!);
        await Servers.UntilAsync(() => Task.FromResult(running._process.HasExited || running.Address is not null), $"{sample} listens");
        Assert.False(running._process.HasExited, string.Join('\n', running._lines));
        running.Http.BaseAddress = new Uri(running.Address!);
        return running;
    }

    private string? Address => _lines.FirstOrDefault(line => line.Contains("Now listening on: ", StringComparison.Ordinal))?.Split(": ")[^1];

    /// <summary>SIGKILL: it ends at once, wherever it is.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _process.Dispose();
        Http.Dispose();
    }
}
