using Microsoft.Extensions.DependencyInjection;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging.Operations;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>What a service says of itself: how its events flow, and what stands still.</summary>
public sealed class OperationsReportTests : MessagingTest
{
    private const string Queue = "ordering.effect";

    [Fact]
    public async Task A_queue_without_a_consumer_is_shown_with_what_waits_in_it()
    {
        var service = await ServiceAsync(consumes: true, start: false, relay: false);
        await PublishAsync(Event("tea"));

        var stopped = await EventuallyAsync(service, "nobody consumes, and one message waits", view => view.Queues is [{ Consumers: 0, Ready: 1 }]);
        Assert.Equal((Queue, "ordering", null), (stopped.Queues[0].Queue, stopped.Service, stopped.BrokerError));

        await service.StartAsync();
        var running = await EventuallyAsync(service, "it is consumed", view => view.Queues is [{ Consumers: 1, Ready: 0, Consumed: 1, Processing: 0 }]);
        Assert.InRange(running.Queues[0].LastSettledAt!.Value, running.StartedAt, running.ReadAt);
        Assert.Null(running.LastError);
    }

    [Fact]
    public async Task Duplicates_dead_letters_and_the_last_error_are_counted()
    {
        var service = await ServiceAsync(consumes: true, relay: false);
        var @event = Event("tea");
        await PublishAsync(@event);
        await PublishAsync(@event);
        await EventuallyAsync(service, "the duplicate is absorbed", view => view is { Duplicates: 1, Queues: [{ Consumed: 1, Duplicates: 1 }] });

        service.Script.Act = (_, _) => throw new InvalidOperationException("out of order");
        await PublishAsync(Event("coffee"));
        var view = await EventuallyAsync(service, "the other is a dead letter", view => view.Queues is [{ DeadLetters: 1, DeadLettered: 1 }]);
        Assert.Equal((Queue, "System.InvalidOperationException: out of order"), (view.LastError!.Where, view.LastError.Error));
        Assert.Equal((2, 0), (view.Queues[0].RetriedLater, view.Retrying)); // after both delayed retries
    }

    [Fact]
    public async Task The_outbox_and_the_relay_are_shown()
    {
        var service = await ServiceAsync();
        await service.OpenAsync(); // no queue is bound
        await EventuallyAsync(service, "it is parked", view => view is { Outbox: { Waiting: 0, Parked: 1, ParkedSince: not null }, LastError.Where: "relay" });

        var probe = await ProbeAsync(TicketEvents.Opened);
        await service.OpenAsync();
        await probe.CountIsAsync(1);
        var view = await EventuallyAsync(service, "one is published", view => view.Relay is { PerSecond: > 0 });
        Assert.Equal("polling", view.Relay!.Kind);
        Assert.InRange(view.Relay.LastPublishedAt!.Value, view.StartedAt, view.ReadAt);
    }

    [Fact]
    public async Task A_reading_serves_all_who_ask_within_a_second()
    {
        var service = await ServiceAsync(consumes: true);
        var report = service.Services.GetRequiredService<IOperationsReport>();

        var views = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => report.ReadAsync(CancellationToken.None)));

        Assert.InRange(views.Distinct().Count(), 1, 2); // a second may end meanwhile
    }

    [Fact]
    public async Task An_unreachable_broker_hides_nothing_else()
    {
        await using (await ServiceAsync(start: false))
        {
        }

        await using var service = TestService.Create(Database, new Uri("amqp://nobody:nothing@127.0.0.1:9/"), consumes: true);
        var view = await service.Services.GetRequiredService<IOperationsReport>().ReadAsync(CancellationToken.None);

        Assert.NotNull(view.BrokerError);
        Assert.Equal((0, null), (view.Outbox!.Waiting, view.DatabaseError));
        Assert.Equal((Queue, null, null), (view.Queues[0].Queue, view.Queues[0].Ready, view.Queues[0].Consumers));
    }

    [Fact]
    public async Task An_unreachable_database_hides_nothing_else()
    {
        await using (await ServiceAsync(consumes: true, start: false))
        {
        }

        await using var service = TestService.Create(Database, Broker.UriOf("ordering"), consumes: true, settings: new Dictionary<string, string?>
        {
            ["Messaging:Database"] = "Host=127.0.0.1;Port=9;Database=nothing;Username=nobody;Timeout=1",
        });
        var view = await EventuallyAsync(service, "the broker answers", view => view.Queues is [{ Ready: 0 }]);

        Assert.Null(view.Outbox);
        Assert.NotNull(view.DatabaseError);
    }

    private static Task<OperationsView> EventuallyAsync(TestService service, string what, Func<OperationsView, bool> holds) => Eventually.IsAsync(
        what, () => service.Services.GetRequiredService<IOperationsReport>().ReadAsync(CancellationToken.None), holds);

    private static StockReplenished Event(string sku)
    {
        var now = TimeProvider.System.GetUtcNow();
        return new StockReplenished(Guid.CreateVersion7(now), now, sku, 1, 1, 1);
    }
}
