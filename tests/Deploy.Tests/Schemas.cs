using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Shop.Deploy.Tests;

/// <summary>
/// Validates objects by the schemas that Kubernetes and the operators publish, and stricter than their servers: a field that the
/// schema does not have is an error. A keyword that this class does not support is an error too, so that what passes is valid.
/// </summary>
internal sealed class Schemas
{
    private readonly Dictionary<string, JsonObject> _kinds = [];
    private readonly Dictionary<string, JsonObject> _definitions = [];
    private readonly JsonObject _metadata;

    private Schemas(IEnumerable<JsonObject> files)
    {
        foreach (var file in files)
        {
            foreach (var (name, definition) in file["definitions"]!.AsObject())
            {
                _definitions[name] = definition!.AsObject();
            }

            foreach (var (kind, name) in file["kinds"]!.AsObject())
            {
                _kinds[kind] = _definitions[(string)name!];
            }
        }

        _metadata = _definitions["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"];
    }

    public static Schemas Load() => new(Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "Schemas"), "*.json")
        .Select(file => JsonNode.Parse(File.ReadAllText(file))!.AsObject()));

    /// <summary>What is wrong, each with its place; nothing where it is valid.</summary>
    public IEnumerable<string> Errors(JsonObject one)
    {
        var kind = $"{one["apiVersion"]}/{one["kind"]}";
        if (!_kinds.TryGetValue(kind, out var schema))
        {
            return [$"{one.Title()}: there is no schema of {kind}"];
        }

        // The schema of a custom kind defines metadata only as an object.
        return Of(schema, one, one.Title()).Concat(Of(_metadata, one["metadata"], one.Title() + ".metadata"));
    }

    private IEnumerable<string> Of(JsonObject schema, JsonNode? value, string at)
    {
        if ((string?)schema["$ref"] is { } reference)
        {
            return Of(_definitions[reference], value, at);
        }

        return schema.SelectMany(keyword => OfKeyword(keyword.Key, keyword.Value!, schema, value, at));
    }

    private IEnumerable<string> OfKeyword(string keyword, JsonNode rule, JsonObject schema, JsonNode? value, string at) => keyword switch
    {
        "type" => If(!IsOf((string)rule!, schema, value), at, $"is no {rule}"),
        "enum" => If(!rule.AsArray().Any(one => JsonNode.DeepEquals(one, value)), at, $"is none of {rule.ToJsonString()}"),
        "allOf" => rule.AsArray().SelectMany(one => Of(Part(one, schema), value, at)),
        "anyOf" => If(!rule.AsArray().Any(one => !Of(Part(one, schema), value, at).Any()), at, "is like none of anyOf"),
        "oneOf" => If(rule.AsArray().Count(one => !Of(Part(one, schema), value, at).Any()) != 1, at, "is not like just one of oneOf"),
        "properties" => Members(value).Where(member => rule[member.Key] is not null)
            .SelectMany(member => Of(rule[member.Key]!.AsObject(), member.Value, $"{at}.{member.Key}")).Concat(Unknown(schema, value, at)),
        "additionalProperties" when rule is JsonObject each => Members(value)
            .Where(member => schema.At("properties")?[member.Key] is null).SelectMany(member => Of(each, member.Value, $"{at}.{member.Key}")),
        "required" => rule.AsArray().Where(name => value is JsonObject members && !members.ContainsKey((string)name!)).Select(name => $"{at} lacks {name}"),
        "items" when value is JsonArray items => items.SelectMany((item, i) => Of(rule.AsObject(), item, $"{at}.{i}")),
        "minItems" => If(value is JsonArray few && few.Count < (int)rule, at, $"has fewer than {rule} items"),
        "maxItems" => If(value is JsonArray many && many.Count > (int)rule, at, $"has more than {rule} items"),
        "pattern" => If(Text(value) is { } text && !Regex.IsMatch(text, (string)rule!), at, $"is not like {rule}"),
        "minLength" => If(Text(value) is { } text && text.Length < (int)rule, at, "is too short"),
        "maxLength" => If(Text(value) is { } text && text.Length > (int)rule, at, "is too long"),
        "minimum" => If(Number(value) < (double)rule, at, $"is less than {rule}"),
        "maximum" => If(Number(value) > (double)rule, at, $"is more than {rule}"),
        "format" or "items" or "additionalProperties" or "x-kubernetes-int-or-string" or "x-kubernetes-preserve-unknown-fields" => [],
        _ => throw new NotSupportedException($"The schemas have come to use {keyword}: teach it to this validator."),
    };

    /// <summary>A part of anyOf and the like may list required members only: the members are defined by the whole.</summary>
    private static JsonObject Part(JsonNode? part, JsonObject whole)
    {
        var schema = part!.AsObject();
        if (schema.ContainsKey("properties") && whole.ContainsKey("properties"))
        {
            schema = (JsonObject)schema.DeepClone();
            schema["x-kubernetes-preserve-unknown-fields"] = true;
        }

        return schema;
    }

    private static IEnumerable<string> Unknown(JsonObject schema, JsonNode? value, string at) =>
        schema.ContainsKey("additionalProperties") || (bool?)schema["x-kubernetes-preserve-unknown-fields"] == true
            ? []
            : Members(value).Where(member => schema["properties"]![member.Key] is null).Select(member => $"{at} has no field {member.Key}");

    private static bool IsOf(string type, JsonObject schema, JsonNode? value) => (type, value?.GetValueKind()) switch
    {
        ("object", JsonValueKind.Object) or ("array", JsonValueKind.Array) or ("string", JsonValueKind.String) => true,
        ("boolean", JsonValueKind.True or JsonValueKind.False) or ("number", JsonValueKind.Number) => true,
        ("integer", JsonValueKind.Number) => Number(value) % 1 == 0,
        // A port or a share is a number or a name; in Kubernetes' own schemas a quantity is a string, and may be written as a number.
        ("string", JsonValueKind.Number) => (string?)schema["format"] == "int-or-string",
        _ => false,
    };

    private static IEnumerable<KeyValuePair<string, JsonNode?>> Members(JsonNode? value) => value as JsonObject ?? [];

    private static string? Text(JsonNode? value) => value?.GetValueKind() == JsonValueKind.String ? (string?)value : null;

    private static double? Number(JsonNode? value) => value?.GetValueKind() == JsonValueKind.Number ? (double)value : null;

    private static IEnumerable<string> If(bool wrong, string at, string what) => wrong ? [$"{at} {what}"] : [];
}
