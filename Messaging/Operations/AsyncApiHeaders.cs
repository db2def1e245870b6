using System.Text.Json.Nodes;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Operations;

/// <summary>The headers of a message, as an AsyncAPI document has them.</summary>
internal static class AsyncApiHeaders
{
    private static readonly (string Name, string Description, bool Always)[] s_all =
    [
        (MessageHeaderNames.CloudEventSpecVersion, "CloudEvents' version.", true),
        (MessageHeaderNames.CloudEventId, "The event's id. Redeliveries, and other versions of the same fact, have the same.", true),
        (MessageHeaderNames.CloudEventSource, "The service.", true),
        (MessageHeaderNames.CloudEventType, "The wire name.", true),
        (MessageHeaderNames.CloudEventSubject, "The aggregate. Events of the same one are published in order.", true),
        (MessageHeaderNames.CloudEventTime, "When the fact was recorded, UTC, RFC 3339.", false),
        (MessageHeaderNames.CloudEventDataSchema, "The $id of the event's schema.", true),
        (MessageHeaderNames.CloudEventTraceParent, "W3C trace context of the publish.", false),
        (MessageHeaderNames.AggregateId, "The aggregate.", true),
        (MessageHeaderNames.AggregateVersion, "Its version after the fact, from 1, to detect late events.", true),
        (MessageHeaderNames.CorrelationId, "The id of the first event of the conversation.", true),
        (MessageHeaderNames.CausationId, "The id of the event that caused this one, if an event did.", false),
        (MessageHeaderNames.PublishedAt, "When the event was published: milliseconds since 1970. A redelivery keeps it.", false),
        (MessageHeaderNames.TraceParent, "W3C trace context of the publish.", false),
        (MessageHeaderNames.TraceState, "W3C trace state.", false),
        (MessageHeaderNames.Baggage, "W3C baggage.", false),
    ];

    public static JsonObject Schema() => new()
    {
        ["description"] = "Text in UTF-8.",
        ["type"] = "object",
        ["required"] = new JsonArray([.. s_all.Where(header => header.Always).Select(header => (JsonNode)header.Name)]),
        ["properties"] = new JsonObject(s_all.Select(header => KeyValuePair.Create(header.Name, (JsonNode?)new JsonObject
        {
            ["description"] = header.Description,
            ["type"] = "string",
        }))),
    };

    public static JsonObject Example(EventCatalog events, string sourcePrefix, string name, JsonNode recorded)
    {
        var (id, type) = ((string)recorded["eventId"]!, events.TypeOf(name)!);
        var @event = (IIntegrationEvent)System.Text.Json.JsonSerializer.Deserialize(recorded, type, EventJson.Options)!;
        return new JsonObject
        {
            [MessageHeaderNames.CloudEventSpecVersion] = "1.0",
            [MessageHeaderNames.CloudEventId] = id,
            [MessageHeaderNames.CloudEventSource] = sourcePrefix + name.Split('.')[0],
            [MessageHeaderNames.CloudEventType] = name,
            [MessageHeaderNames.CloudEventSubject] = @event.AggregateId,
            [MessageHeaderNames.CloudEventTime] = recorded["occurredAt"]!.DeepClone(),
            [MessageHeaderNames.CloudEventDataSchema] = events.SchemaIdOf(name),
            [MessageHeaderNames.AggregateId] = @event.AggregateId,
            [MessageHeaderNames.AggregateVersion] = @event.AggregateVersion.ToString(System.Globalization.CultureInfo.InvariantCulture),
            [MessageHeaderNames.CorrelationId] = id,
        };
    }
}
