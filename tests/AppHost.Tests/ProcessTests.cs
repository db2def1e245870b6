using System.Collections.Concurrent;
using Shop.AppHost.Native.Servers;
using Shop.AppHost.Native.State;
using Shop.AppHost.Native.Supervision;

namespace Shop.AppHost.Tests;

public sealed class ProcessTests : IDisposable
{
    private readonly TemporaryHome _home = new();
    private readonly ConcurrentQueue<string> _lines = new();
    private readonly List<ManagedProcess> _started = [];

    [Fact]
    public async Task What_a_killed_instance_left_running_is_stopped()
    {
        var left = Start("exec sleep 300");
        Keep(left.Identity);

        Assert.True(await Leftovers.StopAsync(_home.Path, _ => { }, TestContext.Current.CancellationToken));

        Assert.False(left.Identity.IsRunning());
    }

    [Fact]
    public async Task A_process_that_only_got_the_same_id_is_left_alone()
    {
        var stranger = Start("exec sleep 300");
        Keep(stranger.Identity with { StartedAt = stranger.Identity.StartedAt - 1 });

        Assert.False(await Leftovers.StopAsync(_home.Path, _ => { }, TestContext.Current.CancellationToken));

        Assert.True(stranger.Identity.IsRunning());
    }

    [Fact]
    public async Task Output_arrives_line_by_line_and_the_exit_code_at_the_end()
    {
        var process = Start("echo one; echo two >&2; exit 3");

        Assert.Equal(3, await process.Exited);
        Assert.Equal(["one", "two"], _lines.Order());
    }

    [Fact]
    public async Task Who_ends_when_asked_is_not_killed()
    {
        var process = Start("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.02; done");
        await Eventually.HoldsAsync("the process listens to signals", () => _lines.Contains("ready"));

        Assert.False(await process.StopAsync(TimeSpan.FromSeconds(20), CancellationToken.None));

        Assert.Contains("bye", _lines);
    }

    [Fact]
    public async Task Who_does_not_end_when_asked_is_killed()
    {
        var process = Start("trap '' TERM; echo ready; while :; do sleep 0.02; done");
        await Eventually.HoldsAsync("the process listens to signals", () => _lines.Contains("ready"));

        Assert.True(await process.StopAsync(TimeSpan.FromMilliseconds(200), CancellationToken.None));

        Assert.False(process.Identity.IsRunning());
    }

    [Fact]
    public void Starting_again_waits_longer_each_time_and_starts_over_after_a_good_run()
    {
        var backoff = new RestartBackoff();
        var soon = TimeSpan.FromSeconds(2);

        var waits = Enumerable.Range(0, 8).Select(_ => backoff.Next(soon).TotalSeconds);

        Assert.Equal([0, 1, 2, 4, 8, 16, 30, 30], waits);
        Assert.Equal(TimeSpan.Zero, backoff.Next(TimeSpan.FromMinutes(5)));
        Assert.Equal(1, backoff.Deaths);
    }

    [Fact]
    public void A_missing_server_is_told_with_the_package_and_the_command()
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
            Signals.Kill(process.Identity.Pid);
            process.Dispose();
        }

        _home.Dispose();
    }

    private ManagedProcess Start(string script)
    {
        var process = ManagedProcess.Start(
            new ProgramStart("/bin/sh", ["-c", script], _home.Path, new Dictionary<string, string>()), _lines.Enqueue);
        _started.Add(process);
        return process;
    }

    private void Keep(ProcessIdentity process) =>
        new ShopState([new ServiceState("ordering", "http://localhost:1", null, Healthy: true, process)], [], []).Write(_home.Path);
}
