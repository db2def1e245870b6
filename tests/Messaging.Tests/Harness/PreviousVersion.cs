using System.Diagnostics;
using System.Globalization;

namespace Shop.Messaging.Tests.Harness;

/// <summary>A publisher or consumer of the version before, in a process of its own, which ends with this one.</summary>
internal sealed class PreviousVersion : IAsyncDisposable
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromMinutes(5);

    private readonly Process _process;
    private readonly Task<string> _errors;
    private int? _published;

    private PreviousVersion(Process process) => (_process, _errors) = (process, process.StandardError.ReadToEndAsync());

    public static async Task<PreviousVersion> StartAsync(string what, TestDatabase database, Uri broker, string service)
    {
        // Beside this project's output, built with it.
        var output = new DirectoryInfo(AppContext.BaseDirectory);
        var program = Path.Combine(output.Parent!.Parent!.Parent!.Parent!.FullName, "PreviousVersion", "bin", output.Parent.Name, output.Name, "PreviousVersion.dll");
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", [program, what])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in TestTokens.Configuration.Concat(new Dictionary<string, string?>
        {
            ["ConnectionStrings:Database"] = database.ConnectionString,
            ["ConnectionStrings:rabbitmq"] = broker.ToString(),
            ["Messaging:Service"] = service,
            ["urls"] = "http://127.0.0.1:0",
        }))
        {
            start.Environment[name.Replace(":", "__", StringComparison.Ordinal)] = value;
        }

        var previous = new PreviousVersion(Process.Start(start)!);
        if (await previous._process.StandardOutput.ReadLineAsync().WaitAsync(s_timeout) != "ready")
        {
            Assert.Fail(await previous._errors.WaitAsync(s_timeout));
        }

        return previous;
    }

    /// <summary>Stops it gracefully; returns how many events it published.</summary>
    public async Task<int> StopAsync()
    {
        if (_published is null)
        {
            _process.StandardInput.Close();
            var count = await _process.StandardOutput.ReadToEndAsync().WaitAsync(s_timeout);
            await _process.WaitForExitAsync().WaitAsync(s_timeout);
            Assert.True(_process.ExitCode == 0, await _errors);
            _published = int.Parse(count, CultureInfo.InvariantCulture);
        }

        return _published.Value;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }
}
