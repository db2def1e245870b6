using System.Text.Json.Nodes;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Operations;

/// <summary>
/// A service's AsyncAPI 3.0 document: an exchange for each event that it publishes, a queue for each of its consumers with the events
/// that the consumer subscribes to, derived like the broker's definitions, with the contracts' schemas and recorded messages.
/// </summary>
/// <param name="topology">The service's part of the broker.</param>
/// <param name="sourcePrefix">The prefix of a service's name in the source of its events.</param>
internal sealed class AsyncApi(BrokerTopology topology, string sourcePrefix)
{
    private const string AmqpBinding = "0.3.0";

    public JsonObject Document()
    {
        var events = topology.Exchanges.Concat(topology.Queues.SelectMany(queue => queue.Events)).Distinct().Order(StringComparer.Ordinal).ToList();
        return new JsonObject
        {
            ["asyncapi"] = "3.0.0",
            ["id"] = sourcePrefix + topology.Service,
            ["info"] = new JsonObject
            {
                ["title"] = topology.Service,
                ["version"] = VersionOf(events),
                ["description"] = $"The events that {topology.Service} sends and receives.",
            },
            ["defaultContentType"] = Envelope.ContentType,
            ["channels"] = Object(topology.Exchanges.Select(name => (name, Exchange(name)))
                .Concat(topology.Queues.Select(queue => (queue.Name, Queue(queue))))),
            ["operations"] = Object(topology.Exchanges.Select(name => ($"send.{name}", Send(name)))
                .Concat(topology.Queues.Select(queue => ($"receive.{queue.Name}", Receive(queue))))),
            ["components"] = new JsonObject
            {
                ["messages"] = Object(events.Select(name => (name, Message(name)))),
                ["schemas"] = Object(events.SelectMany(Schemas).Append(("headers", AsyncApiHeaders.Schema()))),
            },
        };
    }

    private JsonObject Exchange(string name) => new()
    {
        ["address"] = name,
        ["title"] = name,
        ["messages"] = new JsonObject { [name] = Reference("components/messages", name) },
        ["bindings"] = Amqp(new JsonObject
        {
            ["is"] = "routingKey",
            ["exchange"] = new JsonObject
            {
                ["name"] = name,
                ["type"] = "fanout",
                ["durable"] = true,
                ["autoDelete"] = false,
                ["vhost"] = topology.VirtualHost,
            },
        }),
    };

    private JsonObject Queue(ConsumerQueue queue) => new()
    {
        ["address"] = queue.Name,
        ["title"] = queue.Name,
        ["messages"] = Object(queue.Events.Select(name => (name, Reference("components/messages", name)))),
        ["bindings"] = Amqp(new JsonObject
        {
            ["is"] = "queue",
            ["queue"] = new JsonObject
            {
                ["name"] = queue.Name,
                ["durable"] = true,
                ["exclusive"] = false,
                ["autoDelete"] = false,
                ["vhost"] = topology.VirtualHost,
            },
        }),
    };

    private static JsonObject Send(string name) => new()
    {
        ["action"] = "send",
        ["channel"] = Reference("channels", name),
        ["messages"] = new JsonArray(Reference("channels", name, "messages", name)),
        ["bindings"] = Amqp(new JsonObject { ["deliveryMode"] = 2, ["mandatory"] = true }),
    };

    private static JsonObject Receive(ConsumerQueue queue) => new()
    {
        ["action"] = "receive",
        ["channel"] = Reference("channels", queue.Name),
        ["messages"] = new JsonArray([.. queue.Events.Select(name => Reference("channels", queue.Name, "messages", name))]),
        ["bindings"] = Amqp(new JsonObject { ["ack"] = true }),
    };

    private JsonObject Message(string name)
    {
        var schema = SchemaOf(name);
        var message = new JsonObject
        {
            ["name"] = name,
            ["title"] = name,
            ["summary"] = schema["description"]?.DeepClone(),
            ["contentType"] = Envelope.ContentType,
            ["correlationId"] = new JsonObject { ["location"] = $"$message.header#/{MessageHeaderNames.CorrelationId}" },
            ["headers"] = Reference("components/schemas", "headers"),
            ["payload"] = Reference("components/schemas", $"envelope.{name}"),
            ["bindings"] = Amqp(new JsonObject { ["contentEncoding"] = "UTF-8", ["messageType"] = name }),
            ["examples"] = new JsonArray([.. topology.Events.ExamplesOf(name).Select(example => Example(name, JsonNode.Parse(example)!))]),
        };
        if (topology.Events.TypeOf(name) is { } type && topology.Events.NewerThan(type) is { } newer)
        {
            message["description"] = $"Superseded by {topology.Events.NameOf(newer)}, under whose event id it is sent for as long as it is consumed.";
            message["tags"] = new JsonArray(new JsonObject { ["name"] = "deprecated" });
        }

        return message;
    }

    private JsonObject Example(string name, JsonNode recorded) => new()
    {
        ["headers"] = AsyncApiHeaders.Example(topology.Events, sourcePrefix, name, recorded),
        ["payload"] = new JsonObject
        {
            ["messageId"] = recorded["eventId"]!.DeepClone(),
            ["conversationId"] = recorded["eventId"]!.DeepClone(),
            ["correlationId"] = recorded["eventId"]!.DeepClone(),
            ["messageType"] = new JsonArray(Envelope.UrnPrefix + name),
            ["sentTime"] = recorded["occurredAt"]!.DeepClone(),
            ["message"] = recorded.DeepClone(),
        },
    };

    private IEnumerable<(string, JsonObject)> Schemas(string name)
    {
        var schema = SchemaOf(name);
        foreach (var own in (string[])["$schema", "$id", "examples"])
        {
            schema.Remove(own); // the document has its own dialect, and examples belong to the messages
        }

        yield return (name, schema);
        yield return ($"envelope.{name}", new JsonObject
        {
            ["description"] = "MassTransit's envelope. The event is its member message.",
            ["type"] = "object",
            ["required"] = new JsonArray("messageId", "messageType", "message"),
            ["properties"] = new JsonObject
            {
                ["messageId"] = Text("The event's id.", "uuid"),
                ["conversationId"] = Text("The id of the first event of the conversation.", "uuid"),
                ["correlationId"] = Text("The same.", "uuid"),
                ["initiatorId"] = Text("The event that caused this one, if an event did.", "uuid"),
                ["messageType"] = new JsonObject
                {
                    ["type"] = "array",
                    ["items"] = new JsonObject { ["const"] = Envelope.UrnPrefix + name },
                },
                ["sentTime"] = Text("When the fact was recorded, UTC.", "date-time"),
                ["message"] = Reference("components/schemas", name),
            },
        });
    }

    private JsonObject SchemaOf(string name) => JsonNode.Parse(topology.Events.SchemaOf(name) ?? "{}")!.AsObject();

    /// <summary>Of the assembly that the events are in.</summary>
    private string VersionOf(List<string> events) =>
        events.Count == 0 ? "1.0.0" : topology.Events.TypeOf(events[0])!.Assembly.GetName().Version!.ToString(3);

    private static JsonObject Text(string description, string format) =>
        new() { ["description"] = description, ["type"] = "string", ["format"] = format };

    private static JsonObject Amqp(JsonObject binding)
    {
        binding["bindingVersion"] = AmqpBinding;
        return new JsonObject { ["amqp"] = binding };
    }

    private static JsonObject Reference(params string[] path) => new() { ["$ref"] = "#/" + string.Join('/', path) };

    private static JsonObject Object(IEnumerable<(string Name, JsonObject Value)> members) =>
        new(members.Select(member => KeyValuePair.Create(member.Name, (JsonNode?)member.Value)));
}
