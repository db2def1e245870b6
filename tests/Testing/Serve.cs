using System.Runtime.InteropServices;
using Shop.Local.Servers;

namespace Shop.Testing;

/// <summary>The program of this library. A named class, because a Program here would hide those of the services under test.</summary>
internal static class Serve
{
    private static async Task<int> Main(string[] args)
    {
        if (args is not ["serve"])
        {
            await Console.Error.WriteLineAsync("Usage: Testing serve   Runs PostgreSQL and RabbitMQ for tests until standard input ends.");
            return 2;
        }

        // Ctrl+C in a terminal reaches this process too: it must keep running to stop the servers.
        var end = new TaskCompletionSource();
        void End(PosixSignalContext signal)
        {
            signal.Cancel = true;
            end.TrySetResult();
        }

        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, End);

        await using var servers = new TestServers();
        try
        {
            await StartAsync();
        }
        catch (Exception failed) when (failed is InvalidOperationException or CannotStartException or ServerMissingException)
        {
            await Console.Error.WriteLineAsync(failed.Message);
            return 1;
        }

        await Task.WhenAny(end.Task, Task.Run(Console.In.ReadToEnd));
        return 0;
    }

    private static async Task StartAsync()
    {
        var choice = await ServerChoice.RuleAsync();
        Console.WriteLine($"# {choice.Description}");
        Console.WriteLine($"SHOP_SERVERS={(choice.IsContainers ? "containers" : "native")}");
        var addresses = await TestServers.AddressesAsync();
        Console.WriteLine($"SHOP_TEST_POSTGRES={addresses.Postgres}");
        Console.WriteLine($"SHOP_TEST_RABBITMQ={addresses.RabbitMq}");
        Console.WriteLine($"SHOP_TEST_RABBITMQ_MANAGEMENT={addresses.Management}");
        Console.WriteLine("ready");
    }
}
