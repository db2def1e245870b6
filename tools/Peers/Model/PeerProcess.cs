using System.Diagnostics;
using Microsoft.Extensions.Hosting;
using Npgsql;
using Shop.Benchmarks.Servers;

namespace Shop.Peers.Model;

/// <summary>A process with one service in it that consumes and can send, and nothing else.</summary>
internal sealed class PeerProcess : IAsyncDisposable
{
    public const string Serve = "serve";
    private readonly Process _process;

    private PeerProcess(Process process) => _process = process;

    public static PeerProcess Start(Contestant contestant)
    {
        var database = new NpgsqlConnectionStringBuilder(contestant.Effects.ConnectionString) { MaxAutoPrepare = 100 }.ConnectionString;
        return new PeerProcess(Process.Start(new ProcessStartInfo(Environment.ProcessPath!,
            [Environment.GetCommandLineArgs()[0], Serve, contestant.Name, database, contestant.Broker.AmqpUri.AbsoluteUri])
        {
            RedirectStandardInput = true, // its end ends the service, also when this process is killed
        })!);
    }

    /// <summary>In that process.</summary>
    public static async Task<int> RunAsync(string kind, string database, Uri broker)
    {
        using var host = kind switch
        {
            "Shop" => ShopContestant.Service(database, broker),
            "Wolverine" => WolverineContestant.Service(database, broker),
            "CAP" => CapContestant.Service(database, broker),
            _ => throw new ArgumentException($"There is no service '{kind}'."),
        };
        await host.StartAsync();
        await Console.In.ReadLineAsync();
        await host.StopAsync();
        return 0;
    }

    /// <summary>Megabytes of memory by a line of smaps_rollup.</summary>
    public double Megabytes(string line) => ProcessMemory.Megabytes(_process.Id, line);

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}
