using System.Diagnostics;
using Shop.Cli.Setup;

namespace Shop.Cli.Mutations;

/// <summary>One PostgreSQL and one RabbitMQ for all tests of a run, started and stopped by the tests' own program.</summary>
internal sealed class MutationServers : IDisposable
{
    private readonly Process _process;

    private MutationServers(Process process) => _process = process;

    /// <summary>The environment variables that name the servers to tests.</summary>
    public Dictionary<string, string> Environment { get; } = [];

    /// <exception cref="FailureException">They did not start.</exception>
    public static async Task<MutationServers> StartAsync(string repository, CancellationToken ct)
    {
        var program = Path.Combine(repository, "tests/Testing/bin/Release/net10.0/Testing.dll");
        var servers = new MutationServers(Process.Start(new ProcessStartInfo(Child.Dotnet, [program, "serve"])
        {
            RedirectStandardInput = true, // they stop when it ends, however this program ends
            RedirectStandardOutput = true,
        })!);
        try
        {
            while (await servers._process.StandardOutput.ReadLineAsync(ct) is { } line)
            {
                if (line == "ready")
                {
                    return servers;
                }

                if (line.Split('=', 2) is [var name, var value])
                {
                    servers.Environment[name] = value;
                }
            }

            throw new FailureException("PostgreSQL and RabbitMQ for the tests did not start.");
        }
        catch
        {
            servers.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }
}
