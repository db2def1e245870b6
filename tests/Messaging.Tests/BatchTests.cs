using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging.Telemetry;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>Batch consumers process each event once, in the order of arrival, and in the traces of their events.</summary>
public sealed class BatchTests : BatchTest
{
    [Fact]
    public async Task Waiting_messages_are_received_as_one_batch_in_order_of_arrival()
    {
        var (service, script) = await StartAsync(start: false);
        var events = Enumerable.Range(0, 300).Select(i => Event($"sku-{i}")).ToList();
        await PublishAsync(events);

        HoldFirstUntilAllAreOut(script);
        await service.StartAsync();
        await EffectsAsync(service, 300);

        Assert.Equal(events.Select(e => e.Sku), script.Batches.SelectMany(batch => batch));
        Assert.True(script.Batches.Count < 30, $"{script.Batches.Count} batches for 300 events that were there");
        Assert.All(script.Batches, batch => Assert.True(batch.Count <= 200));
        Assert.Equal(script.Batches.Count, await Database.ScalarAsync<long>("SELECT count(DISTINCT processed_at) FROM inbox"));
    }

    [Fact]
    public async Task Duplicates_within_and_across_batches_are_processed_once()
    {
        var (service, _) = await StartAsync(start: false);
        var events = Enumerable.Range(0, 20).Select(i => Event($"sku-{i}")).ToList();
        await PublishAsync([.. events, .. events.Take(10), .. events.Skip(5)]);
        await service.StartAsync();
        await EffectsAsync(service, 20);

        await PublishAsync([.. events, Event("last")]);
        await EffectsAsync(service, 21);

        await SettledAsync();
        Assert.Equal(21, await service.WorkAsync(db => db.Effects.CountAsync()));
    }

    [Fact]
    public async Task Without_its_inbox_row_a_duplicate_in_a_batch_is_processed_twice()
    {
        // The negative control of the test above.
        var (service, _) = await StartAsync();
        var @event = Event("tea");
        await PublishAsync([@event]);
        await EffectsAsync(service, 1);

        await Database.ExecuteAsync("DELETE FROM inbox");
        await PublishAsync([@event]);

        await EffectsAsync(service, 2);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)] // the negative control: with a consumer of single events it is there
    public async Task A_service_without_consumers_of_single_events_has_no_MassTransit(bool oneByOne)
    {
        IServiceCollection? registered = null;
        var script = new BatchScript();
        var service = await ServiceAsync(consumes: oneByOne, relay: false, start: false,
            services: services => (registered = services).AddSingleton(script),
            consumers: bus => bus.AddBulkConsumer<BatchedEffectConsumer, StockReplenished>());
        await PublishAsync([Event("tea")]);

        await service.StartAsync();
        await Eventually.HoldsAsync("the batch consumer consumes", () => script.Batches.Count == 1);

        Assert.Equal(oneByOne, registered!.Any(known => new[] { known.ServiceType, known.ImplementationType, known.ImplementationInstance?.GetType() }
            .Any(type => type?.Assembly.GetName().Name!.StartsWith("MassTransit", StringComparison.Ordinal) == true)));
    }

    [Fact]
    public async Task A_single_message_continues_its_trace_and_messages_of_a_batch_are_linked_to_theirs()
    {
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == MessagingTelemetry.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
        };
        List<Activity> spans = [];
        listener.ActivityStopped = span =>
        {
            lock (spans)
            {
                spans.Add(span);
            }
        };
        ActivitySource.AddActivityListener(listener);
        var (service, script) = await StartAsync();
        var trace = ActivityTraceId.CreateRandom();
        object Headers() => new { traceparent = $"00-{trace}-{ActivitySpanId.CreateRandom()}-01", baggage = "shop=a%20b" };

        await PublishAsync(Event("alone"), headers: Headers());
        await EffectsAsync(service, 1);
        Assert.Equal((trace, "a b"), (script.Activity!.TraceId, script.Activity.GetBaggageItem("shop")));

        await service.StopAsync();
        for (var i = 0; i < 20; i++)
        {
            await PublishAsync(Event($"sku-{i}"), headers: Headers());
        }

        var (again, scriptOfBatch) = await StartAsync(start: false, migrate: false);
        HoldFirstUntilAllAreOut(scriptOfBatch);
        await again.StartAsync();
        await EffectsAsync(again, 21);
        await SettledAsync();

        // A span ends after its message is acknowledged.
        var ours = await Eventually.IsAsync("every message has a span", () => Task.FromResult(Ended($"process inventory.stock-replenished.v1:{Queue}")), ended => ended.Count == 21);
        Assert.Contains(ours, span => span.Links.Any());
        await Eventually.HoldsAsync("each batch has one, too", () => ours.Where(span => span.Links.Any()).All(span =>
            Ended($"process batch {Queue}", ofAnyTrace: true).Any(batch => span.Links.Single().Context.SpanId == batch.SpanId)));

        List<Activity> Ended(string name, bool ofAnyTrace = false)
        {
            lock (spans)
            {
                return [.. spans.Where(span => span.OperationName == name && (ofAnyTrace || span.TraceId == trace))];
            }
        }
    }
}
