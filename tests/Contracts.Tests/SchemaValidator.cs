using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Shop.Contracts.Tests;

/// <summary>
/// Validates JSON by a JSON Schema, in draft 7 as AsyncAPI writes its own and in what of 2020-12 Shop's schemas use. An unsupported
/// keyword is an error and not ignored, so that what passes is valid. Of the formats, only those of ids and times are checked.
/// </summary>
internal sealed class SchemaValidator(JsonNode root)
{
    private static readonly HashSet<string> s_words =
    [
        "$schema", "$id", "$comment", "title", "description", "default", "examples", "example", "definitions", "readOnly", "deprecated",
        "x-intellij-html-description", "markdownDescription", "contentMediaType", "contentEncoding", "then", "else",
    ];

    /// <summary>What is wrong, each with its place; nothing where it is valid.</summary>
    public IReadOnlyList<string> Validate(JsonNode? value) => [.. Errors(root, value, "#")];

    private IEnumerable<string> Errors(JsonNode? schema, JsonNode? value, string at) => schema switch
    {
        JsonObject keywords when keywords["$ref"] is { } reference => Errors(Resolve((string)reference!), value, at), // draft 7: alone
        JsonObject keywords => keywords.SelectMany(keyword => s_words.Contains(keyword.Key) ? [] : Errors(keyword.Key, keyword.Value, keywords, value, at)),
        _ => (bool)schema! ? [] : [$"{at} may not be there"],
    };

    private IEnumerable<string> Errors(string keyword, JsonNode? rule, JsonObject schema, JsonNode? value, string at) => keyword switch
    {
        "type" => If(!(rule is JsonArray types ? types : new JsonArray(rule!.DeepClone())).Any(type => IsOf((string)type!, value)), at, $"is no {rule!.ToJsonString()}"),
        "enum" => If(!rule!.AsArray().Any(one => JsonNode.DeepEquals(one, value)), at, $"is none of {rule.ToJsonString()}"),
        "const" => If(!JsonNode.DeepEquals(rule, value), at, $"is not {rule?.ToJsonString()}"),
        "allOf" => rule!.AsArray().SelectMany(one => Errors(one, value, at)),
        "anyOf" => If(!rule!.AsArray().Any(one => IsValid(one, value)), at, "is like none of anyOf"),
        "oneOf" => If(rule!.AsArray().Count(one => IsValid(one, value)) != 1, at, "is not like just one of oneOf"),
        "not" => If(IsValid(rule, value), at, "is what it may not be"),
        "if" => Errors(schema[IsValid(rule, value) ? "then" : "else"] ?? true, value, at),
        _ => value switch
        {
            JsonObject members => OfObject(keyword, rule, schema, members, at),
            JsonArray items => OfArray(keyword, rule, items, at),
            _ => OfValue(keyword, rule, value, at),
        },
    };

    private IEnumerable<string> OfObject(string keyword, JsonNode? rule, JsonObject schema, JsonObject members, string at) => keyword switch
    {
        "required" => rule!.AsArray().Where(name => !members.ContainsKey((string)name!)).Select(name => $"{at} lacks {name}"),
        "properties" => rule!.AsObject().Where(member => members.ContainsKey(member.Key))
            .SelectMany(member => Errors(member.Value, members[member.Key], $"{at}/{member.Key}")),
        "patternProperties" => rule!.AsObject().SelectMany(pattern => members.Where(member => Regex.IsMatch(member.Key, pattern.Key))
            .SelectMany(member => Errors(pattern.Value, member.Value, $"{at}/{member.Key}"))),
        "additionalProperties" => members.Where(member => schema["properties"]?.AsObject().ContainsKey(member.Key) != true
                && (schema["patternProperties"]?.AsObject() ?? []).All(pattern => !Regex.IsMatch(member.Key, pattern.Key)))
            .SelectMany(member => Errors(rule, member.Value, $"{at}/{member.Key}")),
        "propertyNames" => members.SelectMany(member => Errors(rule, JsonValue.Create(member.Key), $"{at}/{member.Key}")),
        "minProperties" => If(members.Count < (int)rule!, at, $"has fewer than {rule} members"),
        "maxProperties" => If(members.Count > (int)rule!, at, $"has more than {rule} members"),
        "dependencies" => rule!.AsObject().Where(one => members.ContainsKey(one.Key)).SelectMany(one => one.Value is JsonArray names
            ? names.Where(name => !members.ContainsKey((string)name!)).Select(name => $"{at} lacks {name}")
            : Errors(one.Value, members, at)),
        _ => Elsewhere(keyword),
    };

    private IEnumerable<string> OfArray(string keyword, JsonNode? rule, JsonArray items, string at) => keyword switch
    {
        "items" when rule is JsonArray places => items.Zip(places).SelectMany((item, i) => Errors(item.Second, item.First, $"{at}/{i}")),
        "items" => items.SelectMany((item, i) => Errors(rule, item, $"{at}/{i}")),
        "contains" => If(!items.Any(item => IsValid(rule, item)), at, "contains none of what it should"),
        "minItems" => If(items.Count < (int)rule!, at, $"has fewer than {rule} items"),
        "maxItems" => If(items.Count > (int)rule!, at, $"has more than {rule} items"),
        "uniqueItems" => If((bool)rule! && items.Select(item => item?.ToJsonString()).Distinct().Count() != items.Count, at, "has an item twice"),
        _ => Elsewhere(keyword),
    };

    private static IEnumerable<string> OfValue(string keyword, JsonNode? rule, JsonNode? value, string at)
    {
        var kind = value?.GetValueKind() ?? JsonValueKind.Null;
        return (keyword, kind) switch
        {
            ("pattern", JsonValueKind.String) => If(!Regex.IsMatch((string)value!, (string)rule!), at, $"is not like {rule}"),
            ("minLength", JsonValueKind.String) => If(((string)value!).Length < (int)rule!, at, $"is shorter than {rule}"),
            ("maxLength", JsonValueKind.String) => If(((string)value!).Length > (int)rule!, at, $"is longer than {rule}"),
            ("format", JsonValueKind.String) => If(!IsLike((string)rule!, (string)value!), at, $"is no {rule}"),
            ("minimum", JsonValueKind.Number) => If((decimal)value! < (decimal)rule!, at, $"is less than {rule}"),
            ("maximum", JsonValueKind.Number) => If((decimal)value! > (decimal)rule!, at, $"is more than {rule}"),
            ("exclusiveMinimum", JsonValueKind.Number) => If((decimal)value! <= (decimal)rule!, at, $"is not more than {rule}"),
            ("format" or "pattern" or "minLength" or "maxLength" or "minimum" or "maximum" or "exclusiveMinimum", _) => [],
            _ => Elsewhere(keyword),
        };
    }

    /// <summary>A keyword for another kind of value is ignored; an unknown keyword is an error.</summary>
    private static IEnumerable<string> Elsewhere(string keyword) => keyword is "required" or "properties" or "patternProperties" or "additionalProperties"
        or "propertyNames" or "minProperties" or "maxProperties" or "dependencies" or "items" or "additionalItems" or "contains" or "minItems" or "maxItems"
        or "uniqueItems" or "format" or "pattern" or "minLength" or "maxLength" or "minimum" or "maximum" or "exclusiveMinimum" or "exclusiveMaximum" or "multipleOf"
        ? []
        : throw new NotSupportedException($"The validator does not know '{keyword}'.");

    private static bool IsLike(string format, string value) => format switch
    {
        "uuid" => Guid.TryParse(value, out _),
        "date-time" => DateTimeOffset.TryParse(value, System.Globalization.CultureInfo.InvariantCulture, out _),
        _ => true,
    };

    private static bool IsOf(string type, JsonNode? value) => (type, value?.GetValueKind() ?? JsonValueKind.Null) switch
    {
        ("null", JsonValueKind.Null) or ("object", JsonValueKind.Object) or ("array", JsonValueKind.Array) or ("string", JsonValueKind.String)
            or ("number", JsonValueKind.Number) or ("boolean", JsonValueKind.True or JsonValueKind.False) => true,
        ("integer", JsonValueKind.Number) => decimal.IsInteger((decimal)value!),
        _ => false,
    };

    private bool IsValid(JsonNode? schema, JsonNode? value) => !Errors(schema, value, "").Any();

    private JsonNode? Resolve(string reference) => reference == "#" ? root : reference[2..].Split('/')
        .Select(part => Uri.UnescapeDataString(part).Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal))
        .Aggregate<string, JsonNode?>(root, (at, name) => at![name]) ?? throw new NotSupportedException($"The schema lacks {reference}.");

    private static IEnumerable<string> If(bool wrong, string at, string what) => wrong ? [$"{at} {what}"] : [];
}
