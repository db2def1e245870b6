using Shop.AppHost.Native.Engine;
using Shop.AppHost.Native.Model;
using Shop.AppHost.Native.Output;
using Shop.AppHost.Native.State;

namespace Shop.AppHost.Tests;

/// <summary>The engine with real servers of its own and nothing else. The whole shop is the end-to-end test's.</summary>
public sealed class EngineTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(90);

    private readonly TemporaryHome _home = new();
    private readonly StringWriter _console = new();

    [Fact]
    public async Task Servers_that_are_killed_come_back_at_the_same_ports_and_nothing_is_left_at_the_end()
    {
        Assert.SkipUnless(ServersAreInstalled, "PostgreSQL and RabbitMQ are not installed on this machine.");
        using var stop = new CancellationTokenSource();
        var running = RunAsync(stop.Token);
        var before = await ServersAsync("both servers run", running, _ => File.Exists(Path.Combine(_home.Path, "ready")));
        Assert.Equal(["postgres", "rabbitmq"], before.Select(s => s.Name));

        foreach (var server in before)
        {
            Signals.Kill(server.Process!.Pid);
        }

        var after = await ServersAsync("both servers run again", running, servers =>
            servers.All(s => s.Process!.IsRunning() && before.All(b => b.Process != s.Process)));
        Assert.Equal(before.Select(s => (s.Name, s.Port)), after.Select(s => (s.Name, s.Port)));

        await stop.CancelAsync();
        Assert.Equal(0, await running.WaitAsync(s_patience, CancellationToken.None));
        Assert.All(after, s => Assert.False(s.Process!.IsRunning(), $"{s.Name} still runs"));
        Assert.All(ShopState.Read(_home.Path).Servers, s => Assert.Null(s.Process));
    }

    [Fact]
    public async Task A_database_of_two_services_is_refused()
    {
        var builder = DistributedApplication.CreateBuilder([]);
        var database = builder.AddPostgres("postgres").AddDatabase("one-db");
        builder.AddProject<Projects.Ordering>("ordering").WithReferenceAs(database, "ordering", "Database");
        builder.AddProject<Projects.Inventory>("inventory").WithReferenceAs(database, "inventory", "Database");

        Assert.Equal(1, await RunAsync(builder, CancellationToken.None));

        Assert.Contains("ordering and inventory both refer to one-db", _console.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_program_that_is_not_built_is_told_with_the_command_that_builds_it()
    {
        var builder = DistributedApplication.CreateBuilder([]);
        builder.AddProject<NotBuilt>("nothing-migrate", launchProfileName: null);

        Assert.Equal(1, await RunAsync(builder, CancellationToken.None));

        Assert.Contains("Nothing.dll is not there. Build it with: dotnet build", _console.ToString(), StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _console.Dispose();
        _home.Dispose();
    }

    private static bool ServersAreInstalled =>
        Directory.Exists("/usr/lib/postgresql") && File.Exists("/usr/lib/rabbitmq/bin/rabbitmq-server");

    private Task<int> RunAsync(CancellationToken stop)
    {
        var builder = DistributedApplication.CreateBuilder([]);
        builder.AddPostgres("postgres");
        builder.AddRabbitMQ("rabbitmq");
        return RunAsync(builder, stop);
    }

    private async Task<int> RunAsync(DistributedApplicationBuilder builder, CancellationToken stop)
    {
        using var context = new EngineContext(_home.Path, new ConsoleOutput(_console, colour: false), TimeProvider.System);
        return await new ShopEngine(builder.Resources, context).RunAsync(stop, CancellationToken.None);
    }

    private Task<IReadOnlyList<ServerState>> ServersAsync(
        string what, Task running, Func<IReadOnlyList<ServerState>, bool> isSo) =>
        Eventually.IsAsync(
            what,
            () => running.IsCompleted
                ? throw new InvalidOperationException($"The engine ended: {_console}")
                : Task.FromResult(ShopState.Read(_home.Path).Servers),
            servers => servers.All(s => s.Process is not null) && isSo(servers),
            s_patience);

    private sealed class NotBuilt : IProjectMetadata
    {
        public string ProjectPath => "/nowhere/Nothing/Nothing.csproj";
    }
}
