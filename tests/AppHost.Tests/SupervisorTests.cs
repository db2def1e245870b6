using System.Diagnostics;
using System.Globalization;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Microsoft.Extensions.DependencyInjection;
using Shop.AppHost.Hosting;
using Shop.AppHost.Resources;

namespace Shop.AppHost.Tests;

/// <summary>A small model under the real orchestrator.</summary>
[Collection(TestHome.Orchestrator)]
public sealed class SupervisorTests
{
    [Fact]
    public async Task What_dies_is_started_again_what_was_stopped_stays_stopped_and_services_stop_before_servers()
    {
        var ct = TestContext.Current.CancellationToken;
        using var log = new TemporaryHome();
        var builder = DistributedApplication.CreateBuilder(new DistributedApplicationOptions
        {
            AssemblyName = "AppHost",
            DisableDashboard = true,
            Args = ["--Logging:LogLevel:Default=Warning", "--DcpPublisher:WaitForResourceCleanup=true"],
        });
        builder.Services.AddHostedService<Supervisor>();
        AddProgram(builder, new ServiceResource("service", "/bin/sh", "/"), log.Path);
        AddProgram(builder, new ServiceResource("other", "/bin/sh", "/"), log.Path);
        AddProgram(builder, new InstalledPostgresResource("server", log.Path, new ParameterResource("none", _ => "")), log.Path)
            .WithEndpoint(port: 1, targetPort: 1, name: Broker.Tcp, isProxied: false); // which its connection string names
        await using var app = builder.Build();
        await app.StartAsync(ct);
        var commands = app.Services.GetRequiredService<ResourceCommandService>();

        var first = await PidAsync(app, "service", not: null);
        await PidAsync(app, "server", not: null);
        Assert.True((await commands.ExecuteCommandAsync("other", KnownResourceCommands.StopCommand, ct)).Success);
        using (var victim = Process.GetProcessById(first))
        {
            victim.Kill();
        }

        await PidAsync(app, "service", not: first);
        Assert.Equal("Finished", State(app, "other"));

        await app.StopAsync(ct);
        Assert.Equal(["other", "service", "server"], File.ReadAllLines(Path.Combine(log.Path, "stopped")));
    }

    /// <summary>It takes its time to stop, and writes down that it has.</summary>
    private static IResourceBuilder<T> AddProgram<T>(IDistributedApplicationBuilder builder, T resource, string directory)
        where T : ExecutableResource => builder.AddResource(resource).WithArgs(
            "-c", "trap 'sleep 0.3; echo \"$1\" >> \"$2\"; exit 0' TERM; while :; do sleep 0.1; done", "program", resource.Name, Path.Combine(directory, "stopped"));

    private static string? State(DistributedApplication app, string name) =>
        app.ResourceNotifications.TryGetCurrentState(name, out var now) ? now.Snapshot.State?.Text : null;

    private static async Task<int> PidAsync(DistributedApplication app, string name, int? not)
    {
        var running = await app.ResourceNotifications.WaitForResourceAsync(
            name, e => e.Snapshot.State?.Text == KnownResourceStates.Running && Pid(e) is { } pid && pid != not)
            .WaitAsync(TimeSpan.FromMinutes(5));
        return Pid(running)!.Value;
    }

    private static int? Pid(ResourceEvent e) => int.TryParse(
        e.Snapshot.Properties.FirstOrDefault(property => property.Name == "executable.pid")?.Value?.ToString(), CultureInfo.InvariantCulture, out var pid) && pid > 0
            ? pid
            : null;
}
