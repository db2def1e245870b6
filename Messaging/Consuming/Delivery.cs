using System.Text.Json;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Consuming;

/// <summary>A message that waits for its acknowledgement.</summary>
internal sealed class Delivery
{
    private Delivery(ulong tag, IReadOnlyBasicProperties properties, byte[] body) => (Tag, Properties, Body) = (tag, properties, body);

    public ulong Tag { get; }

    public IReadOnlyBasicProperties Properties { get; }

    public byte[] Body { get; }

    /// <summary>The event, or null where <see cref="Malformed"/> says why there is none.</summary>
    public IIntegrationEvent? Event { get; private init; }

    /// <summary>The wire name of <see cref="Event"/>, in the version in which it is consumed; empty where there is none.</summary>
    public string Type { get; private init; } = "";

    public Guid EventId { get; private init; }

    /// <summary>What the events of the whole story share.</summary>
    public Guid CorrelationId { get; private init; }

    /// <summary>The event as its publisher wrote it.</summary>
    public JsonElement EventBody { get; private init; }

    public MalformedMessageException? Malformed { get; private init; }

    /// <summary>How often this message was given back, by a process that died or a connection that broke.</summary>
    public int GivenBack => Untrusted.Count(Properties.Headers, "x-delivery-count") ?? 0;

    /// <summary>Reads a message. Whatever is in it, this returns: an exception here would leave the delivery to nobody.</summary>
    /// <param name="tag">The broker's tag of the delivery.</param>
    /// <param name="properties">What the message says of itself.</param>
    /// <param name="body">A copy of its body.</param>
    /// <param name="subscribed">What the consumer can be given.</param>
    /// <param name="reader">Reads bodies.</param>
    public static Delivery Read(
        ulong tag, IReadOnlyBasicProperties properties, byte[] body, IReadOnlyList<Type> subscribed, MessageReader reader)
    {
        try
        {
            var incoming = reader.Read(body);
            var @event = reader.As(incoming.Event, subscribed) ?? throw new MalformedMessageException(
                $"'{incoming.WireName}' is no event that this queue has a consumer for.");
            return new Delivery(tag, properties, body)
            {
                Type = reader.Events.NameOf(@event.GetType()),
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

    /// <inheritdoc cref="Read(ulong, IReadOnlyBasicProperties, byte[], IReadOnlyList{System.Type}, MessageReader)"/>
    public static Delivery Read(BasicDeliverEventArgs message, IReadOnlyList<Type> subscribed, MessageReader reader) =>
        Read(message.DeliveryTag, message.BasicProperties, message.Body.ToArray(), subscribed, reader); // the client uses its memory again

    public string? Header(string name) => Untrusted.Text(Properties.Headers, name);
}
