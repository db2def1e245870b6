using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>The broker's objects come from definitions; the service only looks whether they are there.</summary>
public sealed class TopologyTests : MessagingTest
{
    private const string Queue = "ordering.effect";

    [Fact]
    public async Task Queues_and_bindings_are_derived_from_consumers_and_a_running_service_adds_none()
    {
        var service = await ServiceAsync(consumes: true);
        await HealthyAsync(service);
        await Eventually.HoldsAsync("it consumes", async () => await Broker.QueueAsync(Queue) is { Consumers: > 0 });

        var wanted = service.Definitions;
        Assert.Equal(
            wanted["queues"]!.AsArray().Select(item => (string)item!["name"]!).Order(), (await Broker.QueuesAsync()).Select(queue => queue.Name).Order());
        Assert.Equal(
            ["inventory.stock-replenished.v1", Queue, "ordering.redelivery"], (await Broker.BindingsOfAsync(Queue)).Order());
        Assert.Equal(
            wanted["exchanges"]!.AsArray().Select(item => (string)item!["name"]!).Order(),
            (await Broker.ExchangesAsync()).Where(name => name.StartsWith("ordering.", StringComparison.Ordinal)).Order());
    }

    [Fact]
    public async Task A_service_without_its_topology_reports_what_is_missing_and_continues_once_it_is_loaded()
    {
        var service = await ServiceAsync(consumes: true, start: false);
        await Broker.DeleteQueueAsync(Queue);
        await service.StartAsync();

        await Eventually.HoldsAsync("the health check names the queue and the remedy", async () =>
            await TopologyHealthAsync(service) is { Status: HealthStatus.Unhealthy, Description: { } text }
            && text.Contains("lacks queue ordering.effect.", StringComparison.Ordinal)
            && text.Contains("./shop topology --load", StringComparison.Ordinal));
        Assert.Null(await Broker.QueueAsync(Queue)); // made again by the bus, it would be bound to nothing

        await LoadTopologyAsync(service);
        await HealthyAsync(service);
        var now = TimeProvider.System.GetUtcNow();
        await PublishAsync(new StockReplenished(Guid.CreateVersion7(now), now, "tea", 1, 1, 1));
        await Eventually.HoldsAsync("it consumes", async () => await service.CountEffectsAsync("tea") == 1);
    }

    [Fact]
    public async Task Loading_again_changes_nothing_and_keeps_the_messages()
    {
        var service = await ServiceAsync(consumes: true, start: false);
        await PublishAsync(new StockReplenished(Guid.CreateVersion7(), TimeProvider.System.GetUtcNow(), "tea", 1, 1, 1));
        var before = await ExportedAsync();

        await LoadTopologyAsync(service);

        Assert.Equal(before, await ExportedAsync());
        Assert.Equal(1, await Broker.CountReadyAsync(Queue));
    }

    /// <summary>All objects of the broker; it lists them in no order that it keeps.</summary>
    private async Task<List<string>> ExportedAsync() =>
    [
        .. (await Broker.ExportAsync()).SelectMany(category => category.Value is JsonArray items
            ? items.Select(item => $"{category.Key} {item!.ToJsonString()}")
            : [$"{category.Key} {category.Value?.ToJsonString()}"]).Order(StringComparer.Ordinal),
    ];

    private static Task HealthyAsync(TestService service) => Eventually.HoldsAsync("all that the service needs is there", async () =>
        (await TopologyHealthAsync(service)).Status == HealthStatus.Healthy);

    private static async Task<HealthReportEntry> TopologyHealthAsync(TestService service) =>
        (await service.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync()).Entries["topology"];
}
