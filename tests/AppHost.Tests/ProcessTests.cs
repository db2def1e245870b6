using System.Diagnostics;
using Shop.AppHost.Hosting;
using Shop.Local.Servers;
using Shop.Local.State;

namespace Shop.AppHost.Tests;

public sealed class ProcessTests : IDisposable
{
    private readonly TemporaryHome _home = new();
    private readonly List<Process> _started = [];

    [Fact]
    public async Task Processes_of_a_killed_AppHost_are_stopped_and_those_of_other_homes_are_not()
    {
        using var elsewhere = new TemporaryHome();
        var (left, other) = (Start(_home.Path), Start(elsewhere.Path));

        Assert.True(await Leftovers.StopAsync(_home.Path, _ => { }, TestContext.Current.CancellationToken));

        Assert.True(left.WaitForExit(TimeSpan.FromMinutes(5)));
        Assert.False(other.HasExited);
        Assert.False(await Leftovers.StopAsync(_home.Path, _ => { }, TestContext.Current.CancellationToken));
    }

    /// <summary>The orchestrator would stop all of them concurrently; a service has its servers until it has stopped.</summary>
    [Fact]
    public async Task Of_leftover_processes_the_orchestrator_is_stopped_first_and_services_before_servers()
    {
        var server = Start(_home.Path);
        var orchestrator = Start(_home.Path, "bash", "-c", "exec -a \"$1\" sleep 300", "bash", "/nowhere/dcp");
        var (service, ready, order) = (_home.Path + "/services/ordering", Path.Combine(_home.Path, "ready"), Path.Combine(_home.Path, "order"));
        Directory.CreateDirectory(Path.GetDirectoryName(service)!);
        await File.WriteAllTextAsync(service, $$"""
            runs() { [ -e /proc/$1 ] && ! grep -q ') Z ' /proc/$1/stat; }
            stop() {
              while runs {{orchestrator.Id}}; do sleep 0.05; done
              runs {{server.Id}} && echo 'the orchestrator is gone and the server runs' >'{{order}}'
              exit 0
            }
            trap stop TERM
            : >'{{ready}}'
            while :; do sleep 0.05; done
            """);
        var left = Start(_home.Path, "sh", service);
        await Eventually.HoldsAsync("the service runs", () => File.Exists(ready));
        await Eventually.HoldsAsync("the orchestrator has its name", async () =>
            (await File.ReadAllTextAsync($"/proc/{orchestrator.Id}/cmdline")).StartsWith("/nowhere/dcp", StringComparison.Ordinal));

        Assert.True(await Leftovers.StopAsync(_home.Path, _ => { }, TestContext.Current.CancellationToken));

        Assert.Equal("the orchestrator is gone and the server runs\n", await File.ReadAllTextAsync(order));
        Assert.All([server, orchestrator, left], process => Assert.True(process.WaitForExit(TimeSpan.FromMinutes(5))));
    }

    [Fact]
    public void Restarts_back_off_and_the_backoff_resets_after_a_good_run()
    {
        var backoff = new RestartBackoff();
        var soon = TimeSpan.FromSeconds(2);

        var waits = Enumerable.Range(0, 8).Select(_ => backoff.Next(soon).TotalSeconds);

        Assert.Equal([0, 1, 2, 4, 8, 16, 30, 30], waits);
        Assert.Equal(TimeSpan.Zero, backoff.Next(TimeSpan.FromMinutes(5)));
        Assert.Equal(1, backoff.Deaths);
    }

    [Fact]
    public void A_missing_server_is_named_with_the_package_and_the_command()
    {
        var missing = ServerMissingException.For("RabbitMQ", "rabbitmq-server");

        Assert.Contains("RabbitMQ is not installed", missing.Message, StringComparison.Ordinal);
        Assert.Contains("apt-get install", missing.Message, StringComparison.Ordinal);
        Assert.Contains("rabbitmq-server", missing.Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        foreach (var process in _started)
        {
            process.Kill(); // does nothing to one that has ended
            process.Dispose();
        }

        _home.Dispose();
    }

    private Process Start(string home, params string[] words)
    {
        string[] command = words.Length > 0 ? words : ["sleep", "300"];
        var start = new ProcessStartInfo(command[0], command[1..]) { Environment = { ["SHOP_STARTED_FOR"] = home } };
        var process = Process.Start(start)!;
        _started.Add(process);
        return process;
    }
}
