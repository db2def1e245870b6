using System.Text.Json;
using System.Text.Json.Serialization;

namespace Shop.Messaging.Wire;

/// <summary>A message that was read: a valid event with a unique id.</summary>
/// <param name="EventId">The event's id, which is the inbox's key.</param>
/// <param name="CorrelationId">Shared by all events of one conversation.</param>
/// <param name="WireName">The event's name, of the version that was published.</param>
/// <param name="Event">The event in that version.</param>
/// <param name="Body">The event as its publisher wrote it, with members that this build does not know.</param>
/// <param name="SentTime">The envelope's sentTime, if any.</param>
internal sealed record IncomingMessage(
    Guid EventId, Guid CorrelationId, string WireName, IIntegrationEvent Event, JsonElement Body, DateTimeOffset? SentTime);

/// <summary>
/// Reads message bodies, for every kind of consumer. Bodies are untrusted: whatever is wrong with one, and whatever else
/// fails while it is read, becomes a <see cref="MalformedMessageException"/>.
/// </summary>
/// <param name="events">All known events.</param>
internal sealed class MessageReader(EventCatalog events)
{
    public EventCatalog Events => events;

    private const int MaxNameLength = 200;

    private static readonly JsonSerializerOptions s_envelope = new(JsonSerializerDefaults.Web) { AllowDuplicateProperties = false };

    private static readonly JsonSerializerOptions s_event = new(EventJson.Options) { Converters = { new UtcConverter(), new ExactDecimal() } };

    /// <summary>Reads a body.</summary>
    /// <exception cref="MalformedMessageException">The body can never be handled; the message explains why.</exception>
    public IncomingMessage Read(ReadOnlySpan<byte> body)
    {
        try
        {
            Unstorable.CheckBytes(body);
            var sent = JsonSerializer.Deserialize<SentEnvelope>(body, s_envelope) ?? throw new MalformedMessageException("The body is null.");
            if (body.IndexOf("\\u"u8) >= 0)
            {
                Unstorable.CheckText(sent.Message); // only escapes can encode characters that PostgreSQL cannot store
            }

            return Read(sent);
        }
        catch (MalformedMessageException)
        {
            throw;
        }
        catch (JsonException e)
        {
            throw new MalformedMessageException($"The body is not a message envelope: {JsonFault.Of(e)}", e);
        }
        catch (Exception e)
        {
            throw new MalformedMessageException($"The body cannot be read: {Untrusted.Sanitize(e.Message)}", e);
        }
    }

    /// <summary>The event as one of the types that a consumer subscribes to, upcast if needed; null where it is none of them.</summary>
    /// <exception cref="MalformedMessageException">It cannot be upcast to the subscribed version.</exception>
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
                $"The event cannot be upcast to the subscribed version: {Untrusted.Sanitize(e.Message)}", e);
        }
    }

    private IncomingMessage Read(SentEnvelope sent)
    {
        var id = sent.MessageId ?? throw new MalformedMessageException("The message has no id, so duplicates could not be detected.");
        var wireName = WireNameOf(sent.MessageType);
        var type = events.TypeOf(wireName) ?? throw new MalformedMessageException(
            $"'{Untrusted.Sanitize(wireName, MaxNameLength)}' is not an event, or not a version of one, in this service's contracts.");
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
            return EventConstraints.FindViolation(@event) is { } broken
                ? throw new MalformedMessageException($"The body is not a valid '{wireName}': {broken}")
                : @event;
        }
        catch (JsonException e)
        {
            throw new MalformedMessageException($"The body is not a valid '{wireName}': {JsonFault.Of(e)}", e);
        }
    }

    /// <summary>The inbox detects duplicates by this id alone: an id shared by two events would lose one of them.</summary>
    private static void CheckId(Guid id, Guid eventId)
    {
        if (id != eventId)
        {
            throw new MalformedMessageException($"The message's id {id} differs from its event's id {eventId}.");
        }

        if (id.Version != 7 || id.Variant is < 8 or > 11)
        {
            throw new MalformedMessageException($"The message's id {id} is not a UUID of version 7.");
        }
    }

    /// <summary>Requires an offset and converts to UTC, the only offset that Npgsql accepts.</summary>
    private sealed class UtcConverter : JsonConverter<DateTimeOffset>
    {
        public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            var text = reader.GetString() ?? "";
            return reader.TryGetDateTimeOffset(out var time) && (text[^1] == 'Z' || (text.Length > 6 && text[^6] is '+' or '-' && text[^3] == ':'))
                ? time.ToUniversalTime()
                : throw new JsonException(); // the serializer adds the member's path
        }

        public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) => writer.WriteStringValue(value);
    }

    private sealed record SentEnvelope(
        Guid? MessageId, Guid? CorrelationId, Guid? ConversationId, IReadOnlyList<string?>? MessageType, DateTimeOffset? SentTime, JsonElement Message);
}
