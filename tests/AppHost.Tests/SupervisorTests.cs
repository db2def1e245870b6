using System.Diagnostics;
using System.Globalization;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Microsoft.Extensions.DependencyInjection;
using Shop.AppHost.Hosting;
using Shop.AppHost.Resources;
using Shop.Local.State;

namespace Shop.AppHost.Tests;

/// <summary>A small model under the real orchestrator.</summary>
public sealed class SupervisorTests
{
    [Fact]
    public async Task Crashed_resources_restart_stopped_ones_stay_stopped_and_services_stop_before_servers()
    {
        var ct = TestContext.Current.CancellationToken;
        using var log = new TemporaryHome();
        var builder = DistributedApplication.CreateBuilder(new DistributedApplicationOptions
        {
            AssemblyName = "AppHost",
            DisableDashboard = true,
            Args = ["--Logging:LogLevel:Default=Warning", "--DcpPublisher:WaitForResourceCleanup=true"],
        });
        builder.Services.AddSingleton(new StateKeeper(log.Path, "")).AddHostedService<Supervisor>();
        AddProgram(builder, new ServiceResource("service", "/bin/sh", "/"), log.Path);
        AddProgram(builder, new ServiceResource("other", "/bin/sh", "/"), log.Path);
        AddProgram(builder, new InstalledPostgresResource("server", log.Path, new ParameterResource("none", _ => "")), log.Path)
            .WithEndpoint(port: 1, targetPort: 1, name: Broker.Tcp, isProxied: false); // which its connection string names
        var flaky = builder.AddResource(new MigrationResource("flaky-migrate", "/bin/sh", "/"))
            .WithArgs("-c", """test -e "$1" || { touch "$1"; exit 1; }""", "program", Path.Combine(log.Path, "tried"));
        AddProgram(builder, new ServiceResource("flaky", "/bin/sh", "/"), log.Path).WaitForCompletion(flaky);
        var broken = builder.AddResource(new MigrationResource("broken-migrate", "/bin/sh", "/")).WithArgs("-c", "exit 1");
        AddProgram(builder, new ServiceResource("broken", "/bin/sh", "/"), log.Path).WaitForCompletion(broken);
        await using var app = builder.Build();
        await app.StartAsync(ct);
        var commands = app.Services.GetRequiredService<ResourceCommandService>();

        var first = await StartedAsync(app, log.Path, "service", not: null);
        await StartedAsync(app, log.Path, "server", not: null);
        await StartedAsync(app, log.Path, "other", not: null);
        Assert.True((await commands.ExecuteCommandAsync("other", KnownResourceCommands.StopCommand, ct)).Success);
        using (var victim = Process.GetProcessById(first))
        {
            victim.Kill();
        }

        await StartedAsync(app, log.Path, "service", not: first);
        await app.ResourceNotifications.WaitForResourceAsync("other", "Finished", ct).WaitAsync(TimeSpan.FromMinutes(5), ct);

        await StartedAsync(app, log.Path, "flaky", not: null); // its migration failed once
        var problem = Assert.Single(await ProblemsAsync(log.Path));
        Assert.StartsWith("broken-migrate failed 3 times, so its service does not start", problem, StringComparison.Ordinal);
        await app.ResourceNotifications.WaitForResourceAsync("broken", "FailedToStart", ct).WaitAsync(TimeSpan.FromMinutes(5), ct);

        await app.StopAsync(ct);
        var stopped = File.ReadAllLines(Path.Combine(log.Path, "stopped"));
        Assert.Equal(("other", "server"), (stopped[0], stopped[^1]));
        Assert.Equal(["flaky", "other", "server", "service"], stopped.Order());
    }

    /// <summary>The problem in the state that keeps a service from starting, once there is one.</summary>
    private static Task<IReadOnlyList<string>> ProblemsAsync(string home) => Eventually.IsAsync(
        "a problem is reported", () => Task.FromResult(ShopState.Read(home).Problems ?? []), problems => problems.Count > 0);

    /// <summary>
    /// Records that it stops. Services stop slowly, and a server does not: it would be first if all were stopped concurrently.
    /// </summary>
    private static IResourceBuilder<T> AddProgram<T>(IDistributedApplicationBuilder builder, T resource, string directory)
        where T : ExecutableResource => builder.AddResource(resource).WithArgs(
            "-c", "trap 'sleep $3; echo \"$1\" >> \"$2/stopped\"; exit 0' TERM; : > \"$2/started-$$\"; while :; do sleep 0.1; done",
            "program", resource.Name, directory, resource is ServiceResource ? "0.5" : "0");

    /// <summary>The process that runs now, once it has begun: one that is stopped before would not record it.</summary>
    private static async Task<int> StartedAsync(DistributedApplication app, string directory, string name, int? not)
    {
        var running = await app.ResourceNotifications.WaitForResourceAsync(
            name, e => e.Snapshot.State?.Text == KnownResourceStates.Running && Pid(e) is { } pid && pid != not)
            .WaitAsync(TimeSpan.FromMinutes(5));
        var started = Pid(running)!.Value;
        await Eventually.HoldsAsync($"{name} has begun", () => File.Exists(Path.Combine(directory, $"started-{started}")));
        return started;
    }

    private static int? Pid(ResourceEvent e) => int.TryParse(
        e.Snapshot.Properties.FirstOrDefault(property => property.Name == "executable.pid")?.Value?.ToString(), CultureInfo.InvariantCulture, out var pid) && pid > 0
            ? pid
            : null;
}
