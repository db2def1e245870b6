using System.Text.Json.Nodes;
using Shop.Contracts;
using Shop.ServiceDefaults.Messaging.Broker;
using Shop.ServiceDefaults.Messaging.Wire;

namespace Shop.ServiceDefaults.Messaging.Catalog;

/// <summary>
/// A service's AsyncAPI 3.0 document: an exchange for each event that it sends, a queue for each of its consumers with the events
/// that the consumer takes, derived as the broker's definitions are, with the contracts' schemas and recorded messages.
/// </summary>
internal static class AsyncApi
{
    private const string AmqpBinding = "0.3.0";

    public static JsonObject Of(BrokerTopology topology)
    {
        var events = topology.Exchanges.Concat(topology.Queues.SelectMany(queue => queue.Events)).Distinct().Order(StringComparer.Ordinal).ToList();
        return new JsonObject
        {
            ["asyncapi"] = "3.0.0",
            ["id"] = $"urn:shop:{topology.Service}",
            ["info"] = new JsonObject
            {
                ["title"] = $"Shop {topology.Service}",
                ["version"] = typeof(EventCatalog).Assembly.GetName().Version!.ToString(3), // of the contracts
                ["description"] = $"The events that {topology.Service} sends and receives.",
                ["license"] = new JsonObject { ["name"] = "MIT" },
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

    private static JsonObject Exchange(string name) => new()
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
                ["vhost"] = BrokerDefinitions.VirtualHost,
            },
        }),
    };

    private static JsonObject Queue(ConsumerQueue queue) => new()
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
                ["vhost"] = BrokerDefinitions.VirtualHost,
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

    private static JsonObject Message(string name)
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
            ["examples"] = new JsonArray([.. EventSchemas.ExamplesOf(name).Select(example => Example(name, JsonNode.Parse(example)!))]),
        };
        if (EventCatalog.TypeOf(name) is { } type && EventVersions.NewerThan(type) is { } newer)
        {
            message["description"] = $"Superseded by {EventCatalog.NameOf(newer)}, under whose event id it is sent for as long as it is consumed.";
            message["tags"] = new JsonArray(new JsonObject { ["name"] = "deprecated" });
        }

        return message;
    }

    private static JsonObject Example(string name, JsonNode recorded) => new()
    {
        ["headers"] = AsyncApiHeaders.Example(name, recorded),
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

    private static IEnumerable<(string, JsonObject)> Schemas(string name)
    {
        var schema = SchemaOf(name);
        foreach (var own in (string[])["$schema", "$id", "examples"])
        {
            schema.Remove(own); // the document has its own dialect, and the messages have the examples
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
                ["conversationId"] = Text("The id of the event that began the story.", "uuid"),
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

    private static JsonObject SchemaOf(string name) => JsonNode.Parse(EventSchemas.Of(name)
        ?? throw new InvalidOperationException($"The contracts have no schema of {name}: ./shop contracts write"))!.AsObject();

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
