using System.Collections.Concurrent;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging.Consuming.Batches;
using Shop.Messaging.Outbox;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Tests.Harness;
using V1 = Shop.Contracts.Ordering.V1;
using V2 = Shop.Contracts.Ordering.V2;

namespace Shop.Messaging.Tests;

/// <summary>Two versions of one fact side by side: published under one id, taken by whoever takes either, acted on once.</summary>
public sealed class VersionTests : MessagingTest
{
    private const string Old = "ordering.order-placed.v1";
    private const string New = "ordering.order-placed.v2";

    [Fact]
    public async Task Both_versions_are_published_under_one_id_the_new_one_first()
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
    public async Task A_version_that_nobody_consumes_any_more_is_not_published()
    {
        var service = await ServiceAsync(settings: new Dictionary<string, string?> { ["Messaging:NoLongerConsumed:0"] = Old });
        await using var probe = await Probe.BindAsync(Broker, Old, New);
        await PlaceAsync(service, 5);

        await probe.CountIsAsync(5);
        await OutboxIsEmptyAsync();

        Assert.All(probe.Received, message => Assert.Equal(New, message.Type));
    }

    [Theory]
    [InlineData(New)]
    [InlineData("inventory.stock-reserved.v1")]
    public async Task Only_an_older_version_of_ones_own_can_be_switched_off(string name)
    {
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => ServiceAsync(
            settings: new Dictionary<string, string?> { ["Messaging:NoLongerConsumed:0"] = name }));

        Assert.Contains(name, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_consumer_that_is_bound_to_both_acts_once()
    {
        var service = await ServiceAsync(consumers: bus => bus.AddConsumer<TakesBothConsumer>());
        await using var probe = await Probe.BindAsync(Broker, Old, New);
        Assert.Equal([Old, New], (await Broker.BindingsOfAsync("ordering.takes-both")).Where(name => name is Old or New).Order(StringComparer.Ordinal));
        var placed = await PlaceAsync(service, 50);
        await probe.CountIsAsync(100);
        await ConsumedAsync(service, "ordering.takes-both");

        Assert.Equal(
            placed.Select(@event => $"{@event.OrderId} {@event.Total.Amount} EUR").Order(StringComparer.Ordinal),
            (await service.WorkAsync(db => db.Effects.Select(effect => effect.What).ToListAsync())).Order(StringComparer.Ordinal));
        Assert.Equal(0, await Broker.CountReadyAsync("ordering.takes-both.dead"));
        Assert.All(placed, @event => Assert.Equal(1, TakesBothConsumer.Calls[@event.EventId])); // not even asked twice
    }

    [Fact]
    public async Task It_acts_once_too_where_only_the_old_one_comes_or_the_old_one_comes_first()
    {
        var service = await ServiceAsync(consumers: bus => bus.AddConsumer<TakesBothConsumer>().AddBatchConsumer<TakesManyConsumer, V2.OrderPlaced>());
        var (first, second) = (Placed(), Placed());

        await PublishAsync(V2.OrderPlacedStep.Down(first));
        foreach (var queue in (string[])["ordering.takes-both", "ordering.takes-many"])
        {
            await Eventually.HoldsAsync("the old version is consumed", async () => await InboxAsync(queue) == 1);
        }

        await PublishAsync(first);
        await PublishAsync(V2.OrderPlacedStep.Down(second));
        await PublishAsync(second);
        await ConsumedAsync(service, "ordering.takes-both", "ordering.takes-many");

        Assert.Equal(4, await service.WorkAsync(db => db.Effects.CountAsync()));
        Assert.Equal(0, await Broker.CountReadyAsync("ordering.takes-both.dead") + await Broker.CountReadyAsync("ordering.takes-many.dead"));
    }

    [Fact]
    public void What_cannot_be_made_the_event_is_not_also_taken()
    {
        var error = Assert.Throws<InvalidOperationException>(() => MassTransitConsumers.Subscribe(new BrokerTopology("ordering", ShopEvents.Catalog), typeof(TakesNonsenseConsumer)));

        Assert.Contains(nameof(StockReserved), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_event_without_a_namespace_is_refused_at_registration()
    {
        var events = EventCatalog.Of(typeof(EventWithoutNamespace).Assembly);

        var error = Assert.Throws<InvalidOperationException>(() => MassTransitConsumers.Subscribe(new BrokerTopology("any", events), typeof(NamelessConsumer)));

        Assert.Contains("NamelessConsumer subscribes to EventWithoutNamespace, which is in no namespace", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void There_and_back_again_nothing_is_lost_but_what_the_old_version_cannot_say()
    {
        var placed = Placed();

        var back = V2.OrderPlacedStep.Up(V2.OrderPlacedStep.Down(placed));

        Assert.Equivalent(placed with { Channel = null }, back, strict: true);
        Assert.Equivalent(back, ShopEvents.Catalog.Newest(V2.OrderPlacedStep.Down(placed)), strict: true);
        Assert.Null(ShopEvents.Catalog.As<StockReserved>(placed));
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

    /// <summary>Everything that came has been taken or is being taken: the last event is, and a service that stops ends what it is at.</summary>
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

    [AlsoTakes(typeof(V1.OrderPlaced))]
    private sealed class TakesBothConsumer(TicketDbContext db) : IConsumer<V2.OrderPlaced>
    {
        public static ConcurrentDictionary<Guid, int> Calls { get; } = new();

        public Task Consume(ConsumeContext<V2.OrderPlaced> context)
        {
            Calls.AddOrUpdate(context.Message.EventId, 1, (_, calls) => calls + 1);
            db.Effects.Add(EffectOf(context.Message));
            return Task.CompletedTask;
        }
    }

    [AlsoTakes(typeof(V1.OrderPlaced))]
    private sealed class TakesManyConsumer(TicketDbContext db) : IBatchConsumer<V2.OrderPlaced>
    {
        public Task ConsumeAsync(V2.OrderPlaced placed, CancellationToken ct)
        {
            db.Effects.Add(EffectOf(placed));
            return Task.CompletedTask;
        }
    }

    private sealed class NamelessConsumer : IConsumer<EventWithoutNamespace>
    {
        public Task Consume(ConsumeContext<EventWithoutNamespace> context) => Task.CompletedTask;
    }

    [AlsoTakes(typeof(StockReserved))]
    private sealed class TakesNonsenseConsumer : IConsumer<V2.OrderPlaced>
    {
        public Task Consume(ConsumeContext<V2.OrderPlaced> context) => Task.CompletedTask;
    }

    private static Effect EffectOf(V2.OrderPlaced placed) =>
        new() { What = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{placed.OrderId} {placed.Total.Amount} {placed.Total.Currency}") };
}
