using System.Diagnostics;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Shop.AppHost.Resources;
using Shop.Local.Servers;

namespace Shop.AppHost.Tests;

/// <summary>Which servers are chosen, with programs in the place of a container runtime that do what runtimes do.</summary>
public sealed class ServerRuleTests : IDisposable
{
    private readonly TemporaryHome _home = new();

    /// <summary>The one that would answer after three seconds shows that no longer is waited for, on however slow a machine.</summary>
    [Theory]
    [InlineData("exec sleep 300")]
    [InlineData("sleep 3")]
    public async Task A_runtime_that_does_not_answer_within_two_seconds_counts_as_none(string script)
    {
        var begun = Stopwatch.StartNew();

        var servers = await ChooseAsync(null, Runtime(script));

        Assert.IsType<InstalledServers>(Servers.Of(servers));
        Assert.Contains("no container runtime answers within 2 s", servers.Description, StringComparison.Ordinal);
        Assert.InRange(begun.Elapsed, TimeSpan.FromSeconds(1.9), TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task A_runtime_without_the_images_and_without_a_registry_counts_as_none_and_the_image_is_named()
    {
        var runtime = Runtime("""case "$1" in ps) exit 0;; *) exit 1;; esac""");

        var servers = await Eventually.IsAsync("it is chosen once the runtime answers in time", () => ChooseAsync(null, runtime),
            choice => !choice.Description.Contains("answers within", StringComparison.Ordinal));

        Assert.IsType<InstalledServers>(Servers.Of(servers));
        Assert.Contains("the image example/postgres:17 is not there and cannot be pulled", servers.Description, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_runtime_that_has_both_images_is_used_and_both_are_named()
    {
        var runtime = Runtime("exit 0");

        var servers = Assert.IsType<ContainerServers>(Servers.Of(await Eventually.IsAsync(
            "it is chosen once the runtime answers in time", () => ChooseAsync(null, runtime), choice => choice.IsContainers)));

        Assert.Equal(("example/postgres:17", "rabbitmq:4.0-management"), (servers.PostgresImage, servers.RabbitMqImage));
    }

    [Fact]
    public async Task A_hanging_runtime_does_not_block_the_other()
    {
        var (hangs, answers) = (Runtime("exec sleep 300"), Runtime("exit 0"));

        var rule = await Eventually.IsAsync(
            "it is chosen once the other answers in time", () => ChooseAsync(null, hangs, answers), choice => choice.IsContainers);

        Assert.Equal(answers, rule.Runtime!.Name);
    }

    [Fact]
    public async Task Requested_but_unavailable_containers_are_an_error_with_advice()
    {
        var refused = await Assert.ThrowsAsync<CannotStartException>(() => ChooseAsync("containers", "/nowhere/docker"));

        Assert.Contains("SHOP_SERVERS=containers, but no container runtime answers", refused.Message, StringComparison.Ordinal);
        Assert.Contains("SHOP_SERVERS=native", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>An explicit choice is waited for on a busy machine too.</summary>
    [Fact]
    public async Task An_explicitly_requested_runtime_has_a_longer_timeout() =>
        Assert.True((await ChooseAsync("containers", Runtime("sleep 2.1"))).IsContainers);

    [Fact]
    public async Task Native_ignores_container_runtimes() =>
        Assert.False((await ChooseAsync("native", Runtime("exit 0"))).IsContainers);

    [Fact]
    public async Task An_unknown_value_is_rejected_with_the_two_allowed()
    {
        var refused = await Assert.ThrowsAsync<CannotStartException>(() => ChooseAsync("docker", Runtime("exit 0")));

        Assert.Contains("'docker'. Set it to containers or native", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("postgres:17", "docker.io/library/postgres:17")]
    [InlineData("localhost/shop-postgres:17", "localhost/shop-postgres:17")]
    [InlineData("registry.example:5000/a/postgres:17.2", "registry.example:5000/a/postgres:17.2")]
    [InlineData("example/postgres", "docker.io/example/postgres:latest")]
    public void The_configured_image_is_used(string named, string used)
    {
        var builder = DistributedApplication.CreateBuilder(new DistributedApplicationOptions { DisableDashboard = true });
        var servers = new ContainerServers { PostgresImage = named, RabbitMqImage = "rabbitmq:4.0-management" };

        var postgres = servers.AddPostgres(builder, "postgres").Resource;

        Assert.True(postgres.TryGetContainerImageName(out var image));
        Assert.Equal(used, image);
    }

    /// <summary>The image declares its own volume there, which is removed with its container: one mounted above it would stay empty.</summary>
    [Fact]
    public void The_data_of_PostgreSQL_are_in_the_volume_of_the_home()
    {
        var builder = DistributedApplication.CreateBuilder(new DistributedApplicationOptions { DisableDashboard = true });
        var servers = new ContainerServers { PostgresImage = "postgres:17", RabbitMqImage = "rabbitmq:4.0-management" };

        var postgres = servers.AddPostgres(builder, "postgres").Resource;

        var volume = Assert.Single(postgres.Annotations.OfType<ContainerMountAnnotation>());
        Assert.Equal((ContainerMountType.Volume, "/var/lib/postgresql/data"), (volume.Type, volume.Target));
        Assert.StartsWith("shop-", volume.Source, StringComparison.Ordinal);
    }

    public void Dispose() => _home.Dispose();

    private static Task<ServerRule> ChooseAsync(string? setting, params string[] runtimes) => ServerRule.ApplyAsync(
        variable => variable switch
        {
            "SHOP_SERVERS" => setting,
            "SHOP_POSTGRES_IMAGE" => "example/postgres:17",
            _ => null,
        },
        [.. runtimes.Select(runtime => new CommandLineRuntime(runtime))], _ => { }, TestContext.Current.CancellationToken);

    private string Runtime(string script)
    {
        var path = Path.Combine(_home.Path, $"runtime-{Guid.CreateVersion7():N}");
        File.WriteAllText(path, $"#!/bin/sh\n{script}\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        return path;
    }
}
