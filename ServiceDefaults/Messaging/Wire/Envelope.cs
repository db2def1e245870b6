using System.Text.Json;
using System.Text.Json.Serialization;
using Shop.Contracts;

namespace Shop.ServiceDefaults.Messaging.Wire;

/// <summary>
/// The body of a message: MassTransit's JSON envelope (application/vnd.masstransit+json) around the event, with the wire
/// name as its only message type. It is written once, when the event is appended, and never touched again.
/// </summary>
internal static class Envelope
{
    public const string ContentType = "application/vnd.masstransit+json";
    public const string UrnPrefix = "urn:message:";

    /// <summary>How events look as JSON, on both sides of the wire.</summary>
    public static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) },
        NumberHandling = JsonNumberHandling.Strict,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    public static byte[] Write(IIntegrationEvent @event, string wireName, MessageOrigin origin)
    {
        using var buffer = new MemoryStream(512);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("messageId", @event.EventId);
            writer.WriteString("conversationId", origin.CorrelationId ?? @event.EventId);
            writer.WriteString("correlationId", origin.CorrelationId ?? @event.EventId);
            if (origin.CausationId is { } causation)
            {
                writer.WriteString("initiatorId", causation);
            }

            writer.WriteStartArray("messageType");
            writer.WriteStringValue(UrnPrefix + wireName);
            writer.WriteEndArray();
            writer.WriteString("sentTime", @event.OccurredAt.UtcDateTime);
            writer.WritePropertyName("message");
            JsonSerializer.Serialize(writer, @event, @event.GetType(), Json);
            writer.WriteEndObject();
        }

        return buffer.ToArray();
    }
}
