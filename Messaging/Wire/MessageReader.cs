using System.Text.Json;
using System.Text.Json.Serialization;

namespace Shop.Messaging.Wire;

/// <summary>A message as it was read: an event that keeps what its schema promises, under an id that tells it from every other.</summary>
/// <param name="EventId">The event's id, by which the inbox knows it.</param>
/// <param name="CorrelationId">What the events of one story share.</param>
/// <param name="WireName">The event's name, of the version that was published.</param>
/// <param name="Event">The event in that version.</param>
/// <param name="Body">The event as its publisher wrote it, with members that this build does not know.</param>
/// <param name="SentTime">When its publisher says that it was sent; null where it does not.</param>
internal sealed record IncomingMessage(
    Guid EventId, Guid CorrelationId, string WireName, IIntegrationEvent Event, JsonElement Body, DateTimeOffset? SentTime);

/// <summary>
/// Reads message bodies, for every kind of consumer. Nothing about a body is believed: whatever is wrong with it, and whatever else
/// goes wrong while it is read, is a <see cref="MalformedMessageException"/> and nothing else.
/// </summary>
/// <param name="events">The events that there are.</param>
internal sealed class MessageReader(EventCatalog events)
{
    public EventCatalog Events => events;

    private const int LongestName = 200;

    private static readonly JsonSerializerOptions s_envelope = new(JsonSerializerDefaults.Web) { AllowDuplicateProperties = false };

    private static readonly JsonSerializerOptions s_event = new(EventJson.Options) { Converters = { new UtcConverter(), new ExactDecimal() } };

    /// <summary>Reads a body.</summary>
    /// <exception cref="MalformedMessageException">It is no message that any consumer could ever handle; the text says why.</exception>
    public IncomingMessage Read(ReadOnlySpan<byte> body)
    {
        try
        {
            Unstorable.CheckBytes(body);
            var sent = JsonSerializer.Deserialize<SentEnvelope>(body, s_envelope) ?? throw new MalformedMessageException("The body is null.");
            if (body.IndexOf("\\u"u8) >= 0)
            {
                Unstorable.CheckText(sent.Message); // only an escape can hide what no database stores
            }

            return Read(sent);
        }
        catch (MalformedMessageException)
        {
            throw;
        }
        catch (JsonException e)
        {
            throw new MalformedMessageException($"The body is no message envelope: {JsonFault.Of(e)}", e);
        }
        catch (Exception e)
        {
            throw new MalformedMessageException($"The body cannot be read: {Untrusted.Shown(e.Message)}", e);
        }
    }

    /// <summary>The event as one of the types that a consumer subscribes to; null where it is none of them, nor an older version of one.</summary>
    /// <exception cref="MalformedMessageException">It cannot be upcast to the version that is consumed.</exception>
    public IIntegrationEvent? As(IIntegrationEvent @event, IReadOnlyList<Type> subscribed)
    {
        try
        {
            return subscribed.Any(type => type.IsInstanceOfType(@event))
                ? @event
                : subscribed.Select(type => events.As(@event, type)).FirstOrDefault(upcast => upcast is not null);
        }
        catch (Exception e)
        {
            throw new MalformedMessageException(
                $"The event cannot become one of the version that is consumed: {Untrusted.Shown(e.Message)}", e);
        }
    }

    private IncomingMessage Read(SentEnvelope sent)
    {
        var id = sent.MessageId ?? throw new MalformedMessageException("The message has no id, so a duplicate could not be told from a new one.");
        var wireName = WireNameOf(sent.MessageType);
        var type = events.TypeOf(wireName) ?? throw new MalformedMessageException(
            $"'{Untrusted.Shown(wireName, LongestName)}' is no event, or no version of one, that this service's contracts know.");
        if (sent.Message.ValueKind != JsonValueKind.Object)
        {
            throw new MalformedMessageException($"The envelope of '{wireName}' has no message.");
        }

        var @event = EventOf(sent.Message, type, wireName);
        CheckId(id, @event.EventId);
        return new IncomingMessage(id, sent.CorrelationId ?? sent.ConversationId ?? id, wireName, @event, sent.Message, sent.SentTime);
    }

    private static string WireNameOf(IReadOnlyList<string?>? messageTypes)
    {
        if (messageTypes?.Contains(null) == true)
        {
            throw new MalformedMessageException("The envelope's messageType holds a null.");
        }

        return messageTypes?.FirstOrDefault(type => type!.StartsWith(Envelope.UrnPrefix, StringComparison.Ordinal))
            ?[Envelope.UrnPrefix.Length..] ?? throw new MalformedMessageException("The envelope names no message type.");
    }

    private static IIntegrationEvent EventOf(JsonElement message, Type type, string wireName)
    {
        try
        {
            var @event = (IIntegrationEvent)message.Deserialize(type, s_event)!;
            return EventPromises.Broken(@event) is { } broken
                ? throw new MalformedMessageException($"The body is no '{wireName}': {broken}")
                : @event;
        }
        catch (JsonException e)
        {
            throw new MalformedMessageException($"The body is no '{wireName}': {JsonFault.Of(e)}", e);
        }
    }

    /// <summary>The inbox tells events apart by this id alone: one that two different events could share loses one of them.</summary>
    private static void CheckId(Guid id, Guid eventId)
    {
        if (id != eventId)
        {
            throw new MalformedMessageException($"The message's id {id} is not its event's, {eventId}.");
        }

        if (id.Version != 7 || id.Variant is < 8 or > 11)
        {
            throw new MalformedMessageException($"The message's id {id} is no UUID of version 7.");
        }
    }

    /// <summary>A time says its offset, and is UTC from here on: PostgreSQL's client takes nothing else.</summary>
    private sealed class UtcConverter : JsonConverter<DateTimeOffset>
    {
        public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            var text = reader.GetString() ?? "";
            return reader.TryGetDateTimeOffset(out var time) && (text[^1] == 'Z' || (text.Length > 6 && text[^6] is '+' or '-' && text[^3] == ':'))
                ? time.ToUniversalTime()
                : throw new JsonException(); // the serializer adds which member it is
        }

        public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) => writer.WriteStringValue(value);
    }

    private sealed record SentEnvelope(
        Guid? MessageId, Guid? CorrelationId, Guid? ConversationId, IReadOnlyList<string?>? MessageType, DateTimeOffset? SentTime, JsonElement Message);
}
