using System.Text.Json.Nodes;

namespace Shop.Testing;

/// <summary>A route of an OpenAPI document: a good request for it, and such as differ from that in one place.</summary>
internal sealed class HostileRoute(JsonNode api, string path, string method, JsonNode operation, IReadOnlyDictionary<string, string> known)
{
    private readonly JsonNode? _body = operation["requestBody"]?["content"]?["application/json"]?["schema"];

    private readonly List<(string Name, bool InPath)> _parameters = [.. (operation["parameters"]?.AsArray() ?? [])
        .Where(parameter => (string?)parameter!["in"] is "path" or "query")
        .Select(parameter => ((string)parameter!["name"]!, (string?)parameter["in"] == "path"))];

    public string Method => method;

    public bool HasBody => _body is not null;

    public string Uri(string query = "") => Uri(null, "") + (query.Length > 0 ? $"?{query}" : "");

    public IEnumerable<string> Uris()
    {
        yield return Uri();
        yield return Uri("unknown=1");
        foreach (var (name, inPath) in _parameters)
        {
            foreach (var value in HostileValues.Parameters)
            {
                yield return inPath ? Uri(name, value) : Uri($"{name}={value}");
            }

            if (!inPath)
            {
                yield return Uri($"{name}=");
                yield return Uri($"{name}=1&{name}=2");
                yield return Uri($"{name.ToUpperInvariant()}=%00");
            }
        }
    }

    public string? Body() => _body is null ? null : Json(Sample(_body), null, "", "");

    public IEnumerable<string> Bodies()
    {
        if (_body is null)
        {
            return [];
        }

        var good = Sample(_body);
        return [.. HostileValues.Bodies, .. PlacesIn(good, "").SelectMany(place => Variants(good, place))];
    }

    private static IEnumerable<string> Variants(JsonNode good, string place)
    {
        foreach (var value in HostileValues.Json)
        {
            yield return Json(good, place, value, "");
        }

        foreach (var change in (string[])["missing", "twice", "twice in other case", "in other case", "renamed"])
        {
            yield return Json(good, place, null, change);
        }
    }

    private string Uri(string? replaced, string value) => _parameters.Where(parameter => parameter.InPath).Aggregate(path, (uri, parameter) =>
        uri.Replace($"{{{parameter.Name}}}", parameter.Name == replaced ? value : known.GetValueOrDefault(parameter.Name, "x"), StringComparison.Ordinal));

    /// <summary>A value that the schema describes.</summary>
    private JsonNode Sample(JsonNode schema, string name = "")
    {
        if ((string?)schema["$ref"] is { } reference)
        {
            return Sample(reference.TrimStart('#', '/').Split('/').Aggregate(api, (node, step) => node[step]!), name);
        }

        if (known.TryGetValue(name, out var value))
        {
            return JsonNode.Parse(value.StartsWith('"') || char.IsDigit(value[0]) ? value : $"\"{value}\"")!;
        }

        if (schema["properties"]?.AsObject() is { } properties)
        {
            return new JsonObject(properties.Select(property => KeyValuePair.Create<string, JsonNode?>(property.Key, Sample(property.Value!, property.Key))));
        }

        var types = schema["type"] is JsonArray several ? several.Select(type => (string)type!).ToList() : [(string?)schema["type"] ?? ""];
        return types.Contains("array") ? new JsonArray(Sample(schema["items"]!, name))
            : types.Contains("integer") || types.Contains("number") ? JsonValue.Create(1)
            : types.Contains("boolean") ? JsonValue.Create(true)
            : JsonValue.Create("x");
    }

    /// <summary>All values in a document, as paths such as "/lines/0/sku".</summary>
    private static IEnumerable<string> PlacesIn(JsonNode? node, string at) => (node switch
    {
        JsonObject members => members.SelectMany(member => PlacesIn(member.Value, $"{at}/{member.Key}")),
        JsonArray items => items.SelectMany((item, index) => PlacesIn(item, $"{at}/{index}")),
        _ => [],
    }).Prepend(at);

    /// <summary>The document as text, with one place changed.</summary>
    private static string Json(JsonNode? node, string? place, string? value, string change, string at = "") => at == place && value is not null ? value : node switch
    {
        JsonObject members => $"{{{string.Join(',', members.SelectMany(member => Member(member.Key, member.Value, place, value, change, at)))}}}",
        JsonArray items => $"[{string.Join(',', items.Select((item, index) => Json(item, place, value, change, $"{at}/{index}")))}]",
        _ => node?.ToJsonString() ?? "null",
    };

    private static IEnumerable<string> Member(string name, JsonNode? member, string? place, string? value, string change, string at)
    {
        var here = $"{at}/{name}";
        var text = Json(member, place, value, change, here);
        return (here == place ? change : "") switch
        {
            "missing" => [],
            "twice" => [$"\"{name}\":{text}", $"\"{name}\":{text}"],
            "twice in other case" => [$"\"{name}\":{text}", $"\"{name.ToUpperInvariant()}\":{text}"],
            "in other case" => [$"\"{name.ToUpperInvariant()}\":{text}"],
            "renamed" => [$"\"{name}2\":{text}"],
            _ => [$"\"{name}\":{text}"],
        };
    }
}
