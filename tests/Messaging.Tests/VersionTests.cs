using System.Collections.Concurrent;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Shop.Contracts;
using Shop.Messaging.Consuming.Batches;
using Shop.Messaging.Outbox;
using Shop.Messaging.Tests.Harness;
using V1 = Shop.Contracts.Ordering.V1;
using V2 = Shop.Contracts.Ordering.V2;

namespace Shop.Messaging.Tests;

/// <summary>Two versions of one event side by side: published under one id, consumed in either version, processed once.</summary>
public sealed class VersionTests : MessagingTest
{
    private const string Old = "ordering.order-placed.v1";
    private const string New = "ordering.order-placed.v2";

    [Fact]
    public async Task Both_versions_are_published_under_one_id_the_newest_first()
    {
        var service = await ServiceAsync();
        await using var probe = await Probe.BindAsync(Broker, Old, New);
        var placed = await PlaceAsync(service, 20);

        await probe.CountIsAsync(40);
        await OutboxIsEmptyAsync();

        Assert.All(placed, @event => Assert.Equal([New, Old],
            probe.Received.Where(message => message.MessageId == @event.EventId).Select(message => message.Type)));
    }

    [Fact]
    public async Task A_version_that_is_no_longer_consumed_is_not_published()
    {
        var service = await ServiceAsync(settings: new Dictionary<string, string?> { ["Messaging:RetiredVersions:0"] = Old });
        await using var probe = await Probe.BindAsync(Broker, Old, New);
        await PlaceAsync(service, 5);

        await probe.CountIsAsync(5);
        await OutboxIsEmptyAsync();

        Assert.All(probe.Received, message => Assert.Equal(New, message.Type));
    }

    [Theory]
    [InlineData(New)]
    [InlineData("inventory.stock-reserved.v1")]
    public async Task Only_own_older_versions_can_be_switched_off(string name)
    {
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => ServiceAsync(
            settings: new Dictionary<string, string?> { ["Messaging:RetiredVersions:0"] = name }));

        Assert.Contains(name, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_consumer_of_both_versions_processes_an_event_once()
    {
        var service = await ServiceAsync(consumers: bus => bus.AddConsumer<BothVersionsConsumer>());
        await using var probe = await Probe.BindAsync(Broker, Old, New);
        Assert.Equal([Old, New], (await Broker.BindingsOfAsync("ordering.both-versions")).Where(name => name is Old or New).Order(StringComparer.Ordinal));
        var placed = await PlaceAsync(service, 50);
        await probe.CountIsAsync(100);
        await ConsumedAsync(service, "ordering.both-versions");

        Assert.Equal(
            placed.Select(@event => $"{@event.OrderId} {@event.Total.Amount} EUR").Order(StringComparer.Ordinal),
            (await service.WorkAsync(db => db.Effects.Select(effect => effect.What).ToListAsync())).Order(StringComparer.Ordinal));
        Assert.Equal(0, await Broker.CountReadyAsync("ordering.both-versions.dead"));
        Assert.All(placed, @event => Assert.Equal(1, BothVersionsConsumer.Calls[@event.EventId])); // not even asked twice
    }

    [Fact]
    public async Task It_is_processed_once_where_only_the_old_version_arrives_or_arrives_first()
    {
        var service = await ServiceAsync(consumers: bus => bus.AddConsumer<BothVersionsConsumer>().AddBatchConsumer<BothVersionsBatchConsumer, V2.OrderPlaced>());
        var (first, second) = (Placed(), Placed());

        await PublishAsync(V2.OrderPlacedStep.Down(first));
        foreach (var queue in (string[])["ordering.both-versions", "ordering.both-versions-batch"])
        {
            await Eventually.HoldsAsync("the old version is consumed", async () => await InboxAsync(queue) == 1);
        }

        await PublishAsync(first);
        await PublishAsync(V2.OrderPlacedStep.Down(second));
        await PublishAsync(second);
        await ConsumedAsync(service, "ordering.both-versions", "ordering.both-versions-batch");

        Assert.Equal(4, await service.WorkAsync(db => db.Effects.CountAsync()));
        Assert.Equal(0, await Broker.CountReadyAsync("ordering.both-versions.dead") + await Broker.CountReadyAsync("ordering.both-versions-batch.dead"));
    }

    private static V2.OrderPlaced Placed() => new(Guid.CreateVersion7(), TimeProvider.System.GetUtcNow(), Guid.CreateVersion7(), 1, "ada",
        [new("TEA-1", 2, new Money(4.25m, "EUR"))], new Money(0.50m, "EUR"), new Money(8.00m, "EUR"), "web");

    private static async Task<List<V2.OrderPlaced>> PlaceAsync(TestService service, int count)
    {
        List<V2.OrderPlaced> placed = [.. Enumerable.Range(0, count).Select(_ => Placed())];
        foreach (var @event in placed)
        {
            await using var scope = service.Services.CreateAsyncScope();
            var db = scope.ServiceProvider.GetRequiredService<TicketDbContext>();
            scope.ServiceProvider.GetRequiredService<OutboxAppender>().Append(db, @event);
            await db.SaveChangesAsync();
        }

        return placed;
    }

    /// <summary>All received messages are processed or in progress: the last event is, and a service completes its work when it stops.</summary>
    private async Task ConsumedAsync(TestService service, params string[] queues)
    {
        var last = Placed();
        await PublishAsync(last);
        await Eventually.HoldsAsync("the last event is consumed", async () => await Database.ScalarAsync<long>(
            $"SELECT count(*) FROM inbox WHERE event_id = '{last.EventId}'") == queues.Length);
        await service.StopAsync();
        await Database.ExecuteAsync($"DELETE FROM effects WHERE what LIKE '{last.OrderId}%'");
    }

    private Task<long> InboxAsync(string queue) => Database.ScalarAsync<long>($"SELECT count(*) FROM inbox WHERE consumer = '{queue}'");

    [AlsoSubscribesTo(typeof(V1.OrderPlaced))]
    private sealed class BothVersionsConsumer(TicketDbContext db) : IConsumer<V2.OrderPlaced>
    {
        public static ConcurrentDictionary<Guid, int> Calls { get; } = new();

        public Task Consume(ConsumeContext<V2.OrderPlaced> context)
        {
            Calls.AddOrUpdate(context.Message.EventId, 1, (_, calls) => calls + 1);
            db.Effects.Add(EffectOf(context.Message));
            return Task.CompletedTask;
        }
    }

    [AlsoSubscribesTo(typeof(V1.OrderPlaced))]
    private sealed class BothVersionsBatchConsumer(TicketDbContext db) : IBatchConsumer<V2.OrderPlaced>
    {
        public Task ConsumeAsync(V2.OrderPlaced placed, CancellationToken ct)
        {
            db.Effects.Add(EffectOf(placed));
            return Task.CompletedTask;
        }
    }

    private static Effect EffectOf(V2.OrderPlaced placed) =>
        new() { What = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{placed.OrderId} {placed.Total.Amount} {placed.Total.Currency}") };
}
