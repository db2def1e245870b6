using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using Shop.Messaging.Inbox;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Consuming;

/// <summary>A delivered message that is not settled yet.</summary>
internal sealed class Delivery
{
    private const long MaxMilliseconds = 253_402_300_799_000; // the year 9999

    private Delivery(ulong tag, IReadOnlyBasicProperties properties, byte[] body) => (Tag, Properties, Body) = (tag, properties, body);

    public ulong Tag { get; }

    public IReadOnlyBasicProperties Properties { get; }

    public byte[] Body { get; }

    /// <summary>The event; null where <see cref="Malformed"/> is set.</summary>
    public IIntegrationEvent? Event { get; private init; }

    /// <summary>The wire name of <see cref="Event"/>, in the version in which it is consumed; empty where there is none.</summary>
    public string Type { get; private init; } = "";

    /// <summary>The wire name under which it was published: an older version may be consumed as a newer one.</summary>
    public string PublishedAs { get; private init; } = "";

    public Guid EventId { get; private init; }

    /// <summary>Shared by all events of one conversation.</summary>
    public Guid CorrelationId { get; private init; }

    /// <summary>The event as its publisher wrote it.</summary>
    public JsonElement EventBody { get; private init; }

    public MalformedMessageException? Malformed { get; private init; }

    /// <summary>When the relay published it, as the message says; null where it does not.</summary>
    public DateTimeOffset? PublishedAt =>
        long.TryParse(Header(MessageHeaderNames.PublishedAt), NumberStyles.None, CultureInfo.InvariantCulture, out var milliseconds) && milliseconds < MaxMilliseconds
            ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds)
            : null;

    /// <summary>The trace of its publish, by W3C's header; null where the message has none that is valid.</summary>
    public ActivityTraceId? TraceId =>
        ActivityContext.TryParse(Header(MessageHeaderNames.TraceParent), null, out var context) ? context.TraceId : null;

    /// <summary>When this delivery was received.</summary>
    public DateTimeOffset ReceivedAt { get; set; }

    /// <summary>How many attempts have begun.</summary>
    public int Attempts { get; set; }

    /// <summary>What the inbox row records of it.</summary>
    public DeliveryFacts Facts => new(PublishedAt, ReceivedAt, (short)Math.Min(Attempts, short.MaxValue),
        (short)Math.Min(Untrusted.Count(Properties.Headers, MessageHeaderNames.Retries) ?? 0, short.MaxValue));

    /// <summary>How often this message was requeued, by a process that died or a connection that broke.</summary>
    public int RequeueCount => Untrusted.Count(Properties.Headers, "x-delivery-count") ?? 0;

    /// <summary>Reads a message. Never throws: an exception here would leave the delivery unsettled.</summary>
    /// <param name="tag">The broker's tag of the delivery.</param>
    /// <param name="isRedelivered">Whether the broker delivered it before.</param>
    /// <param name="properties">The message's properties.</param>
    /// <param name="body">A copy of its body.</param>
    /// <param name="subscribed">The types that the consumer subscribes to.</param>
    /// <param name="reader">Reads bodies.</param>
    public static Delivery Read(
        ulong tag, bool isRedelivered, IReadOnlyBasicProperties properties, byte[] body, IReadOnlyList<Type> subscribed, MessageReader reader)
    {
        try
        {
            // One that keeps ending its process reaches the delivery limit, and there the broker would have to update this record.
            if (isRedelivered && !DeathRecord.IsWellFormed(properties.Headers))
            {
                throw new MalformedMessageException("The x-death headers are not as the broker writes them, and the message is redelivered.");
            }

            var incoming = reader.Read(body);
            var @event = reader.As(incoming.Event, subscribed) ?? throw new MalformedMessageException(
                $"'{incoming.WireName}' is not an event that this queue's consumer subscribes to.");
            return new Delivery(tag, properties, body)
            {
                Type = reader.Events.NameOf(@event.GetType()),
                PublishedAs = incoming.WireName,
                EventId = incoming.EventId,
                CorrelationId = incoming.CorrelationId,
                Event = @event,
                EventBody = incoming.Body,
            };
        }
        catch (MalformedMessageException e)
        {
            return new Delivery(tag, properties, body) { Malformed = e };
        }
    }

    /// <inheritdoc cref="Read(ulong, bool, IReadOnlyBasicProperties, byte[], IReadOnlyList{System.Type}, MessageReader)"/>
    public static Delivery Read(BasicDeliverEventArgs message, IReadOnlyList<Type> subscribed, MessageReader reader) =>
        Read(message.DeliveryTag, message.Redelivered, message.BasicProperties, message.Body.ToArray(), subscribed, reader); // the client reuses its buffer

    public string? Header(string name) => Untrusted.Text(Properties.Headers, name);
}
