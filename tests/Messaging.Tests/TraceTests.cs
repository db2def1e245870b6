using System.Diagnostics;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging.Telemetry;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>M9: one trace from the request through the outbox to each consumer and on.</summary>
public class TraceTests : MessagingTest
{
    [Fact]
    public async Task Trace_and_baggage_continue_through_outbox_broker_and_consumer()
    {
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name is MessagingTelemetry.Name or "MassTransit" or nameof(TraceTests),
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
        };
        ActivitySource.AddActivityListener(listener);
        using var source = new ActivitySource(nameof(TraceTests));
        var service = await ServiceAsync(consumes: true);
        var probe = await ProbeAsync(TicketEvents.Opened);

        string traceId;
        using (var request = source.StartActivity("POST /tickets")!)
        {
            request.AddBaggage("tenant", "küche 1");
            traceId = request.TraceId.ToString();
            await service.OpenAsync();
        }

        await probe.CountIsAsync(1);
        var published = Assert.Single(probe.Received);
        Assert.Contains(traceId, published.Headers["traceparent"], StringComparison.Ordinal);
        Assert.Equal("tenant=k%C3%BCche%201", published.Headers["baggage"]);

        // What that event causes in the next service belongs to the same trace, and carries the same baggage.
        var now = TimeProvider.System.GetUtcNow();
        await PublishAsync(new StockReplenished(Guid.CreateVersion7(now), now, "tea", 1, 1, 1), headers: new Dictionary<string, string>
        {
            ["traceparent"] = published.Headers["traceparent"],
            ["MT-Activity-Id"] = published.Headers["traceparent"],
            ["baggage"] = published.Headers["baggage"],
        });
        await probe.CountIsAsync(2);
        Assert.Equal(traceId, service.Script.Activity?.TraceId.ToString());
        Assert.Contains(traceId, probe.Received[1].Headers["traceparent"], StringComparison.Ordinal);
        Assert.Contains("tenant=k%C3%BCche%201", probe.Received[1].Headers["baggage"].Split(','));
    }
}
