using System.Globalization;
using System.Runtime.Serialization;
using System.Text;
using System.Text.Json;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using Shop.Contracts;
using Shop.ServiceDefaults.Messaging.Wire;

namespace Shop.ServiceDefaults.Messaging.Batches;

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

    /// <summary>The event, or null where <see cref="Unreadable"/> says why there is none.</summary>
    public IIntegrationEvent? Event { get; private init; }

    public Guid EventId { get; private init; }

    /// <summary>What the events of the whole story share.</summary>
    public Guid CorrelationId { get; private init; }

    /// <summary>The event as its publisher wrote it.</summary>
    public JsonElement EventBody { get; private init; }

    public SerializationException? Unreadable { get; private init; }

    /// <summary>How often this message was given back, by a process that died or a connection that broke.</summary>
    public long GivenBack => Properties.Headers?.TryGetValue("x-delivery-count", out var count) == true
        ? Convert.ToInt64(count, CultureInfo.InvariantCulture)
        : 0;

    /// <summary>How often this message has come back after a delay.</summary>
    public int Retries => Properties.Headers?.TryGetValue(MessageHeaderNames.Retries, out var count) == true
        ? Convert.ToInt32(count, CultureInfo.InvariantCulture)
        : 0;

    public static Delivery Read<TEvent>(BasicDeliverEventArgs message)
        where TEvent : class, IIntegrationEvent
    {
        try
        {
            var sent = JsonSerializer.Deserialize<SentEnvelope>(message.Body.Span, JsonSerializerOptions.Web)
                ?? throw new SerializationException("The body is empty.");
            var @event = sent.ReadEvent();
            var id = sent.MessageId ?? throw new SerializationException(
                "The message has no id, so a repeat could not be told from a new one.");
            return new Delivery(message)
            {
                EventId = id,
                CorrelationId = sent.CorrelationId ?? sent.ConversationId ?? id,
                Event = EventVersions.As<TEvent>(@event) ?? throw new SerializationException(
                    $"'{EventCatalog.NameOf(@event.GetType())}' is no event that this queue has a consumer for."),
                EventBody = sent.Message,
            };
        }
        catch (JsonException e)
        {
            return new Delivery(message) { Unreadable = new SerializationException($"The body is no message envelope: {e.Message}", e) };
        }
        catch (SerializationException e)
        {
            return new Delivery(message) { Unreadable = e };
        }
    }

    public string? Header(string name) =>
        Properties.Headers?.TryGetValue(name, out var value) == true && value is byte[] text ? Encoding.UTF8.GetString(text) : null;

    private sealed record SentEnvelope(
        Guid? MessageId, Guid? CorrelationId, Guid? ConversationId, IReadOnlyList<string>? MessageType, JsonElement Message)
    {
        public IIntegrationEvent ReadEvent()
        {
            var wireName = MessageType?.FirstOrDefault(type => type.StartsWith(Envelope.UrnPrefix, StringComparison.Ordinal))
                ?[Envelope.UrnPrefix.Length..] ?? throw new SerializationException("The envelope names no message type.");
            var type = EventCatalog.TypeOf(wireName) ?? throw new SerializationException(
                $"'{wireName}' is no event, or no version of one, that this service's contracts know.");
            if (Message.ValueKind != JsonValueKind.Object)
            {
                throw new SerializationException($"The envelope of '{wireName}' has no message.");
            }

            try
            {
                return (IIntegrationEvent)Message.Deserialize(type, EventJson.Options)!;
            }
            catch (JsonException e)
            {
                throw new SerializationException($"The body is no '{wireName}': {e.Message}", e);
            }
        }
    }
}
