using System.Diagnostics;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging.Consuming.Batches;
using Shop.Messaging.Telemetry;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>What is published for an event of a batch has that event as its cause.</summary>
public sealed class BatchCauseTests : BatchTest
{
    private const string Tickets = "ordering.batched-ticket";

    [Fact]
    public async Task Each_event_of_a_batch_is_the_cause_of_what_it_publishes_and_its_trace_continues()
    {
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == MessagingTelemetry.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
        };
        ActivitySource.AddActivityListener(listener);
        var (service, script) = await TicketsAsync();
        script.Act = events => Eventually.HoldsAsync("all are handed out", async () =>
            await Broker.CountReadyAsync(Tickets) == 0 || events.Count < 2);
        script.Poison = "sku-7";
        var traces = Enumerable.Range(0, 40).ToDictionary(i => $"sku-{i}", _ => ActivityTraceId.CreateRandom().ToString());
        var causes = traces.Keys.Select(Event).ToDictionary(e => e.EventId, e => e.Sku);
        foreach (var (id, sku) in causes)
        {
            await PublishAsync(Event(sku) with { EventId = id }, headers: new
            {
                traceparent = $"00-{traces[sku]}-{ActivitySpanId.CreateRandom()}-01",
                baggage = $"sku={sku}",
            });
        }

        await service.StartAsync();
        await Eventually.HoldsAsync("all but the poison have their ticket", async () => await Database.ScalarAsync<long>("SELECT count(*) FROM tickets") == 39);
        await Eventually.HoldsAsync("the poison is a dead letter", async () => await Broker.CountReadyAsync(Tickets + ".dead") == 1);

        Assert.Contains(script.Batches, count => count > 1);
        var published = await Database.RowsAsync("SELECT headers FROM outbox");
        Assert.Equal(39, published.Count);
        foreach (var headers in published.Select(json => JsonSerializer.Deserialize<Dictionary<string, string>>(json)!))
        {
            Assert.True(causes.Remove(Guid.Parse(headers["causation-id"]), out var sku), "an event has two effects");
            Assert.Equal(headers["causation-id"], headers["correlation-id"]);
            Assert.Equal((traces[sku], $"sku={sku}"), (headers["traceparent"].Split('-')[1], headers["baggage"]));
        }

        Assert.Equal("sku-7", Assert.Single(causes.Values));
    }

    [Fact]
    public async Task Publishing_in_a_bulk_consumer_is_rejected_because_the_cause_is_unknown()
    {
        var (service, script) = await StartAsync();
        script.Act = (events, db) =>
        {
            db.Tickets.AddRange(events.Select(received => Ticket.Open(received.Event.OccurredAt)));
            return Task.CompletedTask;
        };

        await RefusedAsync(Queue);
    }

    [Fact]
    public async Task Publishing_in_PrepareAsync_is_rejected_because_the_cause_is_unknown()
    {
        var (service, script) = await TicketsAsync();
        script.PublishesAhead = true;
        await service.StartAsync();

        await RefusedAsync(Tickets);
    }

    private async Task RefusedAsync(string queue)
    {
        await PublishAsync([Event("tea")]);

        await Eventually.IsAsync("a dead letter", () => Broker.CountReadyAsync(queue + ".dead"), count => count == 1);
        Assert.Contains("it is unknown which of the events caused it", Assert.Single(await Broker.PeekAsync(queue + ".dead")).Header("MT-Fault-Message"), StringComparison.Ordinal);
        Assert.Equal(0, await Database.ScalarAsync<long>("SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM tickets)"));
    }

    private async Task<(TestService Service, Script Script)> TicketsAsync()
    {
        var script = new Script();
        return (await ServiceAsync(relay: false, start: false, services: services => services.AddSingleton(script),
            consumers: bus => bus.AddBatchConsumer<BatchedTicketConsumer, StockReplenished>()), script);
    }

    /// <summary>Opens a ticket for each event, as plainly as a consumer of single events would.</summary>
    private sealed class BatchedTicketConsumer(TicketDbContext db, Script script) : IBatchConsumer<StockReplenished>
    {
        public async Task PrepareAsync(IReadOnlyList<StockReplenished> events, CancellationToken ct)
        {
            script.Batches.Add(events.Count);
            await script.Act(events);
            if (script.PublishesAhead)
            {
                db.Tickets.Add(Ticket.Open(events[0].OccurredAt));
            }
        }

        public Task ConsumeAsync(StockReplenished replenished, CancellationToken ct)
        {
            db.Tickets.Add(Ticket.Open(replenished.OccurredAt));
            return replenished.Sku == script.Poison ? throw new InvalidOperationException("this one is poison") : Task.CompletedTask;
        }
    }

    private sealed class Script
    {
        public List<int> Batches { get; } = []; // one batch after the other

        public Func<IReadOnlyList<StockReplenished>, Task> Act { get; set; } = _ => Task.CompletedTask;

        public string? Poison { get; set; }

        public bool PublishesAhead { get; set; }
    }
}
