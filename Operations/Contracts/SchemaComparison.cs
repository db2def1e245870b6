using System.Text.Json.Nodes;

namespace Shop.Operations.Contracts;

/// <summary>The compatibility of a contract change.</summary>
public enum Verdict
{
    /// <summary>No effect on readers or writers.</summary>
    Described,

    /// <summary>Compatible: old consumers ignore it, and new ones do not require it.</summary>
    Additive,

    /// <summary>An old consumer fails on new messages, a new one on old messages, or a guarantee of the schema is broken.</summary>
    Breaking,
}

/// <summary>One difference of an event's schema.</summary>
/// <param name="Event">The wire name.</param>
/// <param name="Member">Its place, such as <c>lines[].sku</c>; empty for the event itself.</param>
/// <param name="Verdict">Its compatibility.</param>
/// <param name="What">What is different, and who fails by it.</param>
public sealed record ContractChange(string Event, string Member, Verdict Verdict, string What);

/// <summary>
/// Compares an event's schemas member by member. An event is read by consumers that are older than its publisher and by ones that
/// are newer (a rolling upgrade, a message that waited, a log that is read again), so what breaks either is breaking.
/// </summary>
public static class SchemaComparison
{
    private static readonly (string Keyword, bool More)[] s_bounds =
    [
        ("minimum", true), ("minLength", true), ("minItems", true), ("maximum", false), ("maxLength", false), ("maxItems", false),
    ];

    public static IReadOnlyList<ContractChange> Compare(string name, JsonObject before, JsonObject now)
    {
        List<ContractChange> changes = [];
        CompareNode(new Place(name, "", changes), before, now);
        return changes;
    }

    private static void CompareNode(Place place, JsonObject before, JsonObject now)
    {
        if (!IsOfSameType(place, before, now))
        {
            return; // and so all below it is different
        }

        CompareValues(place, before, now);
        CompareBounds(place, before, now);
        if (Text(before["description"]) != Text(now["description"]))
        {
            place.Add(Verdict.Described, "has another description");
        }

        if (Text(before["default"]) != Text(now["default"]) && before.ContainsKey("default") && now.ContainsKey("default"))
        {
            place.Add(Verdict.Breaking, $"is {Text(now["default"])} where it is missing, was {Text(before["default"])}: the same message now has another meaning");
        }

        if (before["items"] is JsonObject itemsBefore && now["items"] is JsonObject itemsNow)
        {
            CompareNode(place with { Member = place.Member + "[]" }, itemsBefore, itemsNow);
        }

        CompareMembers(place, before, now);
    }

    private static bool IsOfSameType(Place place, JsonObject before, JsonObject now)
    {
        var (was, isNow) = (TypeOf(before), TypeOf(now));
        if (was != isNow)
        {
            place.Add(Verdict.Breaking, $"is {isNow}, was {was}: old consumers cannot read new messages, nor new ones old messages");
            return false;
        }

        if (IsNullable(before) != IsNullable(now))
        {
            place.Add(Verdict.Breaking, IsNullable(now)
                ? "may be null now: old consumers, which require a value, reject it"
                : "must not be null any more: new consumers reject old messages in which it is null");
        }

        return true;
    }

    private static void CompareValues(Place place, JsonObject before, JsonObject now)
    {
        var (was, isNow) = (Values(before), Values(now));
        foreach (var value in was.Except(isNow))
        {
            place.Add(Verdict.Breaking, $"can no longer be '{value}': new consumers reject old messages with that value");
        }

        foreach (var value in isNow.Except(was))
        {
            place.Add(Verdict.Breaking, $"can be '{value}' now: old consumers reject the unknown value");
        }
    }

    private static void CompareBounds(Place place, JsonObject before, JsonObject now)
    {
        foreach (var (keyword, more) in s_bounds)
        {
            var (was, isNow) = ((double?)before[keyword], (double?)now[keyword]);
            if (was != isNow)
            {
                var narrower = was is null || (isNow is not null && isNow > was == more);
                place.Add(Verdict.Breaking, $"has {keyword} {Text(now[keyword])}, was {Text(before[keyword])}: " + (narrower
                    ? "narrowed, old messages violate the constraint that new consumers check"
                    : "widened, new messages violate the constraint that old consumers check"));
            }
        }

        if (Text(before["pattern"]) != Text(now["pattern"]))
        {
            place.Add(Verdict.Breaking, $"has the pattern {Text(now["pattern"])}, was {Text(before["pattern"])}: one side receives values that violate its pattern");
        }
    }

    private static void CompareMembers(Place place, JsonObject before, JsonObject now)
    {
        var (was, isNow) = (Members(before), Members(now));
        var (neededBefore, neededNow) = (Required(before), Required(now));
        var added = isNow.Keys.Except(was.Keys).ToList();
        foreach (var gone in was.Keys.Except(isNow.Keys))
        {
            var renamed = added.Find(name => EqualIgnoringDescriptions(was[gone], isNow[name]) && neededBefore.Contains(gone) == neededNow.Contains(name));
            place.In(gone).Add(Verdict.Breaking, renamed is null
                ? "was removed: old consumers miss it in new messages"
                : $"was renamed to {renamed}: old consumers miss it in new messages, and new ones miss {renamed} in old messages");
            added.Remove(renamed ?? "");
        }

        foreach (var name in added)
        {
            place.In(name).Add(neededNow.Contains(name) ? Verdict.Breaking : Verdict.Additive, neededNow.Contains(name)
                ? "is new and required: new consumers reject old messages, which do not have it"
                : "is new and optional");
        }

        foreach (var name in was.Keys.Intersect(isNow.Keys))
        {
            if (neededBefore.Contains(name) != neededNow.Contains(name))
            {
                place.In(name).Add(Verdict.Breaking, neededNow.Contains(name)
                    ? "is required now: new consumers reject old messages that do not have it"
                    : "is optional now: old consumers reject new messages that do not have it");
            }

            CompareNode(place.In(name), was[name], isNow[name]);
        }
    }

    /// <summary>Whether two schemas are equal apart from names and descriptions.</summary>
    public static bool EqualIgnoringDescriptions(JsonObject one, JsonObject other) =>
        JsonNode.DeepEquals(WithoutDescriptions(one), WithoutDescriptions(other));

    private static JsonObject WithoutDescriptions(JsonObject schema)
    {
        var bare = schema.DeepClone().AsObject();
        foreach (var word in (string[])["$id", "title", "description", "examples"])
        {
            bare.Remove(word);
        }

        if (bare["items"] is JsonObject items)
        {
            bare["items"] = WithoutDescriptions(items);
        }

        if (bare["properties"] is JsonObject properties)
        {
            bare["properties"] = new JsonObject(properties.ToList().Select(member =>
                KeyValuePair.Create(member.Key, (JsonNode?)WithoutDescriptions(member.Value!.AsObject()))));
        }

        return bare;
    }

    private static string TypeOf(JsonObject schema)
    {
        IEnumerable<string> types = schema["type"] switch
        {
            JsonArray several => several.Select(type => (string)type!).Where(type => type != "null").Order(StringComparer.Ordinal),
            { } one => [(string)one!],
            null => [schema["enum"] is null ? "anything" : "one of its values"],
        };
        return string.Join(" or ", types) + (schema["format"] is { } format ? $" ({format})" : "");
    }

    private static bool IsNullable(JsonObject schema) =>
        schema["type"] is JsonArray types && types.Any(type => (string)type! == "null")
        || schema["enum"] is JsonArray values && values.Any(value => value is null);

    private static List<string> Values(JsonObject schema) => [.. (schema["enum"]?.AsArray() ?? []).OfType<JsonNode>().Select(value => value.ToString())];

    private static Dictionary<string, JsonObject> Members(JsonObject schema) =>
        (schema["properties"]?.AsObject() ?? []).ToDictionary(member => member.Key, member => member.Value!.AsObject());

    private static HashSet<string> Required(JsonObject schema) => [.. (schema["required"]?.AsArray() ?? []).Select(name => (string)name!)];

    private static string Text(JsonNode? node) => node?.ToString() ?? "nothing";

    private sealed record Place(string Event, string Member, List<ContractChange> Changes)
    {
        public Place In(string name) => this with { Member = Member.Length == 0 ? name : $"{Member}.{name}" };

        public void Add(Verdict verdict, string what) => Changes.Add(new ContractChange(Event, Member, verdict, what));
    }
}
