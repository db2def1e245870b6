using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using RabbitMQ.Client;
using Shop.Contracts;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Telemetry;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>A consumer that uses AMQP, JSON and CloudEvents, and neither MassTransit nor Shop's packages.</summary>
public sealed class CloudEventTests : MessagingTest
{
    [Fact]
    public async Task A_plain_AMQP_client_reads_an_event_by_its_CloudEvents_headers()
    {
        await Broker.DeclareQueueAsync("foreign");
        await Broker.DeclareExchangeAsync(TicketEvents.Opened);
        await Broker.BindAsync(TicketEvents.Opened, "foreign");
        var service = await ServiceAsync();
        var ticket = await service.OpenAsync();

        await using var connection = await new ConnectionFactory { Uri = Broker.AmqpUri }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();
        var message = (await Eventually.IsAsync("the message is there", () => channel.BasicGetAsync("foreign", autoAck: true), got => got is not null))!;
        var headers = message.BasicProperties.Headers!.Where(header => header.Key.StartsWith("cloudEvents_", StringComparison.Ordinal))
            .ToDictionary(header => header.Key["cloudEvents_".Length..], header => Encoding.UTF8.GetString((byte[])header.Value!));
        var body = JsonDocument.Parse(message.Body).RootElement.GetProperty("message");

        Assert.Equal(("1.0", "urn:shop:ordering", "ordering.order-shipped.v1", "urn:shop:schema:ordering.order-shipped.v1"),
            (headers["specversion"], headers["source"], headers["type"], headers["dataschema"]));
        Assert.Equal((ticket.Id.ToString(), message.BasicProperties.MessageId), (headers["subject"], headers["id"]));
        Assert.Equal((headers["id"], headers["subject"]), (body.GetProperty("eventId").GetString(), body.GetProperty("orderId").GetString()));
        Assert.Equal(DateTimeOffset.Parse(headers["time"], CultureInfo.InvariantCulture), body.GetProperty("occurredAt").GetDateTimeOffset());
        Assert.EndsWith("Z", headers["time"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_trace_is_that_of_the_publish()
    {
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == MessagingTelemetry.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
        };
        ActivitySource.AddActivityListener(listener);
        var service = await ServiceAsync();
        await using var opened = await Probe.BindAsync(Broker, TicketEvents.Opened);
        await service.OpenAsync();
        await opened.CountIsAsync(1);

        var headers = opened.Received[0].Headers;
        Assert.True(ActivityContext.TryParse(headers["cloudEvents_traceparent"], null, out _));
        Assert.Equal(headers["traceparent"], headers["cloudEvents_traceparent"]);
    }

    [Fact]
    public void Constraint_checks_are_compiled_once_and_not_per_message()
    {
        const string Stored = """{"aggregate-id":"a","aggregate-version":"1","cloudEvents_time":"2026-11-24T09:37:49.812094Z","correlation-id":"c","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}""";
        var (headers, id) = (new PublishHeaders("urn:shop:ordering", ShopEvents.Catalog), Guid.Empty.ToString());
        Publish();

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1_000; i++)
        {
            headers.CloudEvent("ordering.order-placed.v2", id);
            headers.Trace(null);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(13, headers.Values.Count);
        Publish(); // and the next message has none of the last one's
        Assert.Equal(13, headers.Values.Count);

        void Publish()
        {
            Assert.True(headers.TryRead(Stored));
            headers.CloudEvent("ordering.order-placed.v2", id);
            headers.Trace(null);
        }
    }
}
