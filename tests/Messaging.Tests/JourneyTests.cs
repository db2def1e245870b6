using Microsoft.Extensions.DependencyInjection;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging.Operations;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>What a service knows of an event, wherever it is.</summary>
public sealed class JourneyTests : MessagingTest
{
    [Fact]
    public async Task An_event_is_found_while_it_waits_when_it_is_parked_and_when_it_is_published()
    {
        await using (var stopped = await ServiceAsync(relay: false))
        {
            var waiting = await stopped.OpenAsync();
            var found = Assert.Single((await ReadAsync(stopped, waiting.Id)).Waiting);
            Assert.Equal((TicketEvents.Opened, waiting.Id.ToString()), (found.Type, found.Stream));
            Assert.Equal(found, Assert.Single((await ReadAsync(stopped, Guid.Empty, found.EventId)).Waiting)); // by its id too
            Assert.Empty((await ReadAsync(stopped, Guid.CreateVersion7())).Waiting);
        }

        var service = await ServiceAsync(migrate: false);
        var ticket = await service.OpenAsync();
        var parked = await UntilAsync(service, ticket.Id, "it is parked", view => view.Parked is [{ Attempts: > 0 }]);
        Assert.Equal("", parked.Parked[0].Body);
        Assert.NotEmpty(parked.Parked[0].Error);

        await ProbeAsync(TicketEvents.Opened);
        // Both at once for a moment: the broker has confirmed it, and its row is not deleted yet.
        var published = await UntilAsync(service, ticket.Id, "it is published", view => view.Published.Count == 1 && view.Parked.Count == 0);
        Assert.InRange(published.Published[0].PublishedAt, published.Published[0].RecordedAt!.Value, TimeProvider.System.GetUtcNow());
    }

    [Fact]
    public async Task A_handled_event_has_the_times_attempts_and_retries_of_its_delivery_and_its_duplicates()
    {
        var service = await ServiceAsync(consumes: true, relay: false, settings: new Dictionary<string, string?> { ["Messaging:ImmediateRetries"] = "2" });
        var before = TimeProvider.System.GetUtcNow();
        var (at, attempts) = (before.AddMilliseconds(-1_500), 0);
        service.Script.Act = (_, _) => ++attempts <= 4 ? throw new InvalidOperationException("not yet") : Task.CompletedTask;
        var @event = Event("tea");
        var headers = new Dictionary<string, object> { ["shop-published-at"] = $"{at.ToUnixTimeMilliseconds()}" };
        await PublishAsync(@event, headers: headers); // three attempts, then a delayed retry, of which the second attempt succeeds

        var handled = (await UntilAsync(service, Guid.Empty, "it is handled", view => view.Handled.Count == 1, @event.EventId)).Handled[0];
        Assert.Equal(("ordering.effect", 2, 1), (handled.Queue, handled.Attempts, handled.Retries));
        Assert.Equal(at.ToUnixTimeMilliseconds(), handled.PublishedAt!.Value.ToUnixTimeMilliseconds());
        Assert.InRange(handled.ReceivedAt!.Value, before.AddMilliseconds(-1), handled.HandledAt);

        await PublishAsync(@event, headers: headers);
        var view = await UntilAsync(service, Guid.Empty, "the duplicate is known", view => view.Duplicates.Count == 1, @event.EventId);
        Assert.Equal((@event.EventId, "ordering.effect"), (view.Duplicates[0].EventId, view.Duplicates[0].Queue));
        Assert.Equal([handled], view.Handled);
    }

    [Theory]
    [InlineData("tomorrow")]
    [InlineData("-1")]
    [InlineData("9223372036854775807")]
    public async Task A_publish_time_that_is_none_is_not_recorded(string time)
    {
        var service = await ServiceAsync(consumes: true, relay: false);
        var @event = Event("tea");
        await PublishAsync(@event, headers: new Dictionary<string, object> { ["shop-published-at"] = time });

        var view = await UntilAsync(service, Guid.Empty, "it is handled", view => view.Handled.Count == 1, @event.EventId);

        Assert.Null(view.Handled[0].PublishedAt);
    }

    [Fact]
    public async Task A_dead_letter_is_found_by_its_event_and_by_its_aggregate()
    {
        var service = await ServiceAsync(consumes: true, relay: false);
        service.Script.Act = (_, _) => throw new InvalidOperationException("out of order");
        var @event = Event("tea");
        await PublishAsync(@event, headers: new Dictionary<string, object> { ["aggregate-id"] = "018f0000-0000-7000-8000-000000000001" });
        await PublishAsync(Event("coffee"));

        var view = await UntilAsync(service, Guid.Empty, "both are dead", view => view.DeadLetters is [_], @event.EventId);
        Assert.Equal(("out of order", "System.InvalidOperationException"), (view.DeadLetters![0].Why, view.DeadLetters[0].Exception));
        Assert.Empty(view.Handled);
        var byAggregate = await ReadAsync(service, Guid.Parse("018f0000-0000-7000-8000-000000000001"));
        Assert.Equal(@event.EventId.ToString(), Assert.Single(byAggregate.DeadLetters!).Id);
    }

    [Fact]
    public async Task Counts_of_events_are_kept_by_type_and_queue()
    {
        var service = await ServiceAsync(consumes: true);
        await ProbeAsync(TicketEvents.Opened);
        await PublishAsync(Event("tea")); // consumed, which publishes another one

        var traffic = service.Services.GetRequiredService<EventTraffic>();
        var seen = await Eventually.IsAsync("both are counted", () => traffic.ReadAsync(CancellationToken.None),
            seen => seen.Publishes.Any(one => one.Count > 0) && seen.Consumes.Any(one => one.Count > 0));
        Assert.Equal([(TicketEvents.Opened, 1L)], seen.Publishes.Where(one => one.Count > 0).Select(one => (one.Type, one.Count)));
        Assert.Equal([("inventory.stock-replenished.v1", "ordering.effect", 1L)], seen.Consumes.Select(one => (one.Type, one.Queue!, one.Count)));
        Assert.Contains(seen.Publishes, one => one is { Type: "ordering.order-placed.v1", Count: 0, Last: null }); // what the code may publish
        Assert.Equal(1, (await traffic.ReadAsync(CancellationToken.None)).Consumes[0].Count); // reading counts nothing twice

        await Database.ExecuteAsync("UPDATE event_traffic SET hour = hour - interval '26 hours', last_at = last_at - interval '26 hours'");
        Assert.All((await traffic.ReadAsync(CancellationToken.None)).Consumes, one => Assert.Equal(0, one.Count)); // of the day before
    }

    private static async Task<JourneyView> ReadAsync(TestService service, Guid stream, params Guid[] events)
    {
        await using var scope = service.Services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<IJourneyReport>().ReadAsync(
            events, stream == Guid.Empty ? null : stream.ToString(), CancellationToken.None);
    }

    private static Task<JourneyView> UntilAsync(TestService service, Guid stream, string what, Func<JourneyView, bool> holds, params Guid[] events) =>
        Eventually.IsAsync(what, () => ReadAsync(service, stream, events), holds);

    private static StockReplenished Event(string sku)
    {
        var now = TimeProvider.System.GetUtcNow();
        return new StockReplenished(Guid.CreateVersion7(now), now, sku, 1, 1, 1);
    }
}
