using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using Shop.Contracts;
using Shop.Messaging;

namespace Shop.Cli.Contracts;

/// <summary>
/// Makes an event's JSON Schema of its record: members, types, null and required as System.Text.Json reads and writes them,
/// descriptions from the XML documentation, constraints from the attributes.
/// </summary>
internal static class SchemaDerivation
{
    private const string Draft = "https://json-schema.org/draft/2020-12/schema";

    private static readonly Dictionary<Type, string> s_numbers = new()
    {
        [typeof(int)] = "int32",
        [typeof(long)] = "int64",
        [typeof(decimal)] = "decimal",
        [typeof(double)] = "double",
    };

    // What a reader looks for first, first.
    private static readonly string[] s_order =
    [
        "description", "type", "format", "enum", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern", "default",
        "items", "properties", "required",
    ];

    /// <summary>The schemas of all events, by wire name.</summary>
    /// <param name="examples">Recorded messages, by path such as <c>ordering.order-placed.v1/discount.json</c>.</param>
    public static SortedDictionary<string, JsonObject> All(IReadOnlyDictionary<string, string> examples)
    {
        var docs = XmlDocs.Beside(typeof(ShopEvents));
        return new(ShopEvents.Catalog.Names.ToDictionary(name => name, name => Of(ShopEvents.Catalog.TypeOf(name)!, name, docs, examples)), StringComparer.Ordinal);
    }

    /// <summary>The schema of one event, with its recorded examples.</summary>
    /// <param name="type">The record.</param>
    /// <param name="name">Its wire name.</param>
    /// <param name="docs">What its members are called for people.</param>
    /// <param name="examples">Recorded messages, each by the wire name of its event and a name of its own.</param>
    public static JsonObject Of(Type type, string name, XmlDocs docs, IReadOnlyDictionary<string, string> examples)
    {
        var schema = Of(type, name, docs);
        var recorded = examples.Where(example => example.Key.StartsWith(name + "/", StringComparison.Ordinal))
            .OrderBy(example => example.Key, StringComparer.Ordinal).Select(example => JsonNode.Parse(example.Value)).ToArray();
        if (recorded.Length > 0)
        {
            schema["examples"] = new JsonArray(recorded);
        }

        return schema;
    }

    public static JsonObject Of(Type type, string name, XmlDocs docs)
    {
        var body = EventJson.Options.GetJsonSchemaAsNode(type, new JsonSchemaExporterOptions
        {
            TreatNullObliviousAsNonNullable = true,
            TransformSchemaNode = (context, node) => node is JsonObject schema ? Complete(schema, context, docs) : node,
        }).AsObject();
        var whole = new JsonObject
        {
            ["$schema"] = Draft,
            ["$id"] = ShopEvents.SchemaIdPrefix + name,
            ["title"] = name,
        };
        foreach (var (key, value) in body)
        {
            whole[key] = value?.DeepClone();
        }

        return JsonNode.Parse(whole.ToJsonString())!.AsObject(); // as one that was read from a file, to be compared with it
    }

    private static JsonObject Complete(JsonObject schema, JsonSchemaExporterContext context, XmlDocs docs)
    {
        var type = Nullable.GetUnderlyingType(context.TypeInfo.Type) ?? context.TypeInfo.Type;
        if (s_numbers.TryGetValue(type, out var format))
        {
            schema["format"] = format; // else a number that grows from 32 to 64 bits would be no difference
        }

        if (context.PropertyInfo is { } property)
        {
            Promise(schema, property.AttributeProvider);
            Promise(schema, property.AssociatedParameter?.AttributeProvider);
            schema["description"] = docs.SummaryOf(property.DeclaringType, ((MemberInfo)property.AttributeProvider!).Name);
        }
        else if (docs.SummaryOf(type) is { } summary)
        {
            schema["description"] = summary;
        }

        return new JsonObject(schema.ToList().OrderBy(member => Array.IndexOf(s_order, member.Key) is var at and >= 0 ? at : s_order.Length)
            .Select(member => KeyValuePair.Create(member.Key, member.Value?.DeepClone())));
    }

    private static void Promise(JsonObject schema, ICustomAttributeProvider? provider)
    {
        foreach (var promise in provider?.GetCustomAttributes(inherit: false) ?? [])
        {
            switch (promise)
            {
                case AtLeastAttribute { Minimum: var minimum }:
                    schema["minimum"] = minimum;
                    break;
                case NotEmptyAttribute:
                    schema[schema["items"] is null ? "minLength" : "minItems"] = 1;
                    break;
                case PatternAttribute { Pattern: var pattern }:
                    schema["pattern"] = pattern;
                    break;
            }
        }
    }
}
