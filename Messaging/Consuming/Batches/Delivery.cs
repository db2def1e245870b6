using System.Text.Json;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Consuming.Batches;

/// <summary>A message that waits for its acknowledgement.</summary>
internal sealed class Delivery
{
    private Delivery(BasicDeliverEventArgs message)
    {
        Tag = message.DeliveryTag;
        Properties = message.BasicProperties;
        Body = message.Body.ToArray(); // the client uses its memory again
    }

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
    public static Delivery Read<TEvent>(BasicDeliverEventArgs message, MessageReader reader)
        where TEvent : class, IIntegrationEvent
    {
        try
        {
            var incoming = reader.Read(message.Body.Span);
            var @event = reader.As<TEvent>(incoming.Event) ?? throw new MalformedMessageException(
                $"'{incoming.WireName}' is no event that this queue has a consumer for.");
            return new Delivery(message)
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
            return new Delivery(message) { Malformed = e };
        }
    }

    public string? Header(string name) => Untrusted.Text(Properties.Headers, name);
}
