using System.Buffers;
using System.Text.Json;

namespace Shop.Messaging.Wire;

/// <summary>
/// The body of a message: MassTransit's JSON envelope (application/vnd.masstransit+json) around the event, with the wire
/// name as its only message type. It is written once, when the event is appended, and never changed.
/// </summary>
internal static class Envelope
{
    public const string ContentType = "application/vnd.masstransit+json";
    public const string UrnPrefix = "urn:message:";

    private static readonly JsonEncodedText s_messageId = JsonEncodedText.Encode("messageId");
    private static readonly JsonEncodedText s_conversationId = JsonEncodedText.Encode("conversationId");
    private static readonly JsonEncodedText s_correlationId = JsonEncodedText.Encode("correlationId");
    private static readonly JsonEncodedText s_initiatorId = JsonEncodedText.Encode("initiatorId");
    private static readonly JsonEncodedText s_messageType = JsonEncodedText.Encode("messageType");
    private static readonly JsonEncodedText s_sentTime = JsonEncodedText.Encode("sentTime");
    private static readonly JsonEncodedText s_message = JsonEncodedText.Encode("message");

    public static byte[] Write(IIntegrationEvent @event, string wireName, MessageOrigin origin) =>
        JsonScratch.Write((@event, wireName, origin), static (writer, state) =>
        {
            var (@event, wireName, origin) = state;
            writer.WriteStartObject();
            writer.WriteString(s_messageId, @event.EventId);
            writer.WriteString(s_conversationId, origin.CorrelationId ?? @event.EventId);
            writer.WriteString(s_correlationId, origin.CorrelationId ?? @event.EventId);
            if (origin.CausationId is { } causation)
            {
                writer.WriteString(s_initiatorId, causation);
            }

            writer.WriteStartArray(s_messageType);
            writer.WriteStringValue(UrnPrefix + wireName);
            writer.WriteEndArray();
            writer.WriteString(s_sentTime, @event.OccurredAt.UtcDateTime);
            writer.WritePropertyName(s_message);
            JsonSerializer.Serialize(writer, @event, @event.GetType(), EventJson.Options);
            writer.WriteEndObject();
        }, static utf8 => utf8.ToArray());
}

/// <summary>A JSON writer and its buffer, reused per thread to avoid allocations.</summary>
internal static class JsonScratch
{
    private const int MaxRetainedBytes = 64 * 1024;

    [ThreadStatic]
    private static (ArrayBufferWriter<byte> Buffer, Utf8JsonWriter Writer)? s_mine;

    /// <summary>Returns what <paramref name="convert"/> makes of the JSON that <paramref name="write"/> wrote; neither may re-enter this method.</summary>
    public static TResult Write<TState, TResult>(
        TState state, Action<Utf8JsonWriter, TState> write, Func<ReadOnlySpan<byte>, TResult> convert)
    {
        var (buffer, writer) = s_mine ?? Create();
        s_mine = null; // a writer that was left by an exception must not be reused
        write(writer, state);
        writer.Flush();
        var result = convert(buffer.WrittenSpan);
        if (buffer.Capacity <= MaxRetainedBytes)
        {
            buffer.ResetWrittenCount();
            writer.Reset();
            s_mine = (buffer, writer);
        }

        return result;
    }

    private static (ArrayBufferWriter<byte> Buffer, Utf8JsonWriter Writer) Create()
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        return (buffer, new Utf8JsonWriter(buffer));
    }
}
