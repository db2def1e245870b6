using System.Diagnostics;
using System.Text.Json;
using Shop.Messaging.Telemetry;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>What the events of a batch publish in turn tells which of them was its cause.</summary>
public sealed class BatchCauseTests : BatchTest
{
    [Fact]
    public async Task Each_event_of_a_batch_is_the_cause_of_what_is_published_for_it_and_its_trace_goes_on()
    {
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == MessagingTelemetry.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
        };
        ActivitySource.AddActivityListener(listener);
        var (service, script) = await StartAsync(start: false);
        script.Act = async (events, db) =>
        {
            foreach (var received in events)
            {
                await received.CauseAsync(() => db.Tickets.Add(Ticket.Open(received.Event.OccurredAt)));
            }
        };
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

        HoldFirstUntilAllAreOut(script);
        await service.StartAsync();
        await EffectsAsync(service, 40);

        Assert.Contains(script.Batches, batch => batch.Count > 1);
        var published = await Database.RowsAsync("SELECT headers FROM outbox");
        Assert.Equal(40, published.Count);
        foreach (var headers in published.Select(json => JsonSerializer.Deserialize<Dictionary<string, string>>(json)!))
        {
            Assert.True(causes.Remove(Guid.Parse(headers["causation-id"]), out var sku), "an event has two effects");
            Assert.Equal(headers["causation-id"], headers["correlation-id"]);
            Assert.Equal((traces[sku], $"sku={sku}"), (headers["traceparent"].Split('-')[1], headers["baggage"]));
        }
    }

    [Fact]
    public async Task What_is_published_without_a_cause_is_refused()
    {
        var (service, script) = await StartAsync();
        script.Act = (events, db) =>
        {
            db.Tickets.AddRange(events.Select(received => Ticket.Open(received.Event.OccurredAt)));
            return Task.CompletedTask;
        };

        await PublishAsync([Event("tea")]);

        await Eventually.IsAsync("a dead letter", () => Broker.CountReadyAsync(Queue + ".dead"), count => count == 1);
        Assert.Equal(0, await Database.ScalarAsync<long>("SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM tickets)"));
    }
}
