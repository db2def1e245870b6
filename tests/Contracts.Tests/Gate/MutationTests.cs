using System.Text.Json;
using System.Text.Json.Nodes;
using Shop.Cli.Contracts;
using Shop.Messaging;
using Shop.Operations.Contracts;
using static Shop.Contracts.Tests.Gate.Mutations;

namespace Shop.Contracts.Tests.Gate;

/// <summary>The gate's verdict on changes to a contract, confirmed by old and new consumers.</summary>
public sealed class MutationTests
{
    private const string Name = "payments.order-paid.v1";

    private static readonly JsonObject s_definitions = new()
    {
        ["bindings"] = new JsonArray(
            new JsonObject { ["source"] = Name, ["destination"] = "billing.order-paid" },
            new JsonObject { ["source"] = Name, ["destination"] = "analytics.event-log" },
            new JsonObject { ["source"] = "payments.other.v1", ["destination"] = "analytics.event-log" }),
    };

    [Theory]
    [InlineData("rename", typeof(Renamed), "payer", "was renamed to customer")]
    [InlineData("remove", typeof(Removed), "amount", "was removed")]
    [InlineData("retype", typeof(Retyped), "amount", "is object, was number (decimal)")]
    [InlineData("narrow an enum", typeof(NarrowerEnum), "method", "can no longer be 'cash'")]
    [InlineData("make optional required", typeof(OptionalMadeRequired), "note", "is required now")]
    [InlineData("add required", typeof(RequiredAdded), "channel", "is new and required")]
    [InlineData("change nullability", typeof(NullAllowed), "payer", "may be null now")]
    [InlineData("change number to string", typeof(NumberMadeText), "amount", "is string, was number (decimal)")]
    [InlineData("a longer number", typeof(Longer), "items", "is integer (int64), was integer (int32)")]
    public void It_is_breaking_and_the_member_is_named(string mutation, Type mutated, string member, string what)
    {
        var change = Assert.Single(Compare(mutated), change => change.Verdict != Verdict.Described);

        Assert.True(change.Verdict == Verdict.Breaking, mutation);
        Assert.Equal((Name, member), (change.Event, change.Member));
        Assert.StartsWith(what, change.What, StringComparison.Ordinal);

        // The control: an old or a new consumer really fails.
        Assert.True(!IsRead(typeof(Paid), mutated) || !IsRead(mutated, typeof(Paid)), $"{mutation}: everybody could read it");
    }

    [Fact]
    public void Adding_an_optional_member_is_compatible()
    {
        var change = Assert.Single(Compare(typeof(OptionalAdded)));

        Assert.Equal(new ContractChange(Name, "channel", Verdict.Additive, "is new and optional"), change);
        Assert.True(IsRead(typeof(Paid), typeof(OptionalAdded)) && IsRead(typeof(OptionalAdded), typeof(Paid)));
    }

    [Fact]
    public void Reordered_members_and_descriptions_are_not_a_difference()
    {
        Assert.All(Compare(typeof(Reordered)), change => Assert.Equal(Verdict.Described, change.Verdict));
        Assert.True(IsRead(typeof(Paid), typeof(Reordered)) && IsRead(typeof(Reordered), typeof(Paid)));
    }

    [Fact]
    public void A_changed_wire_name_is_breaking()
    {
        var change = Assert.Single(Cli.Contracts.Gate.Compare(
            Contracts((Name, typeof(Paid))), Contracts(("payments.order-settled.v1", typeof(Paid)))), change => change.Verdict == Verdict.Breaking);

        Assert.Equal((Name, ""), (change.Event, change.Member));
        Assert.StartsWith("was renamed to payments.order-settled.v1 on the wire", change.What, StringComparison.Ordinal);
    }

    [Fact]
    public void Removing_an_event_is_breaking_until_it_is_retired_and_not_consumed_by_name()
    {
        var (before, without) = (Contracts((Name, typeof(Paid)), ("payments.other.v1", typeof(Paid))), Contracts(("payments.other.v1", typeof(Paid))));

        var change = Assert.Single(Cli.Contracts.Gate.Compare(before, without));
        Assert.Equal(Verdict.Breaking, change.Verdict);
        Assert.StartsWith("was removed", change.What, StringComparison.Ordinal);

        // Billing still consumes it.
        var retired = without with { Retired = new HashSet<string> { Name }, Consumers = before.Consumers };
        change = Assert.Single(Cli.Contracts.Gate.Compare(before, retired));
        Assert.Equal(Verdict.Breaking, change.Verdict);
        Assert.Equal("is retired, but still consumed by billing.order-paid", change.What);

        change = Assert.Single(Cli.Contracts.Gate.Compare(before, retired with { Consumers = without.Consumers }));
        Assert.Equal(Verdict.Additive, change.Verdict);
    }

    [Theory]
    [InlineData(typeof(Paid), typeof(Narrowed), "has minimum 1, was nothing: narrowed")]
    [InlineData(typeof(Narrowed), typeof(Paid), "has minimum nothing, was 1: widened")]
    public void A_changed_range_is_breaking(Type before, Type now, string what)
    {
        var change = Assert.Single(Cli.Contracts.Gate.Compare(Contracts((Name, before)), Contracts((Name, now))));

        Assert.Equal((Verdict.Breaking, "items"), (change.Verdict, change.Member));
        Assert.StartsWith(what, change.What, StringComparison.Ordinal);
    }

    [Fact]
    public void Changing_or_removing_a_recorded_message_is_breaking()
    {
        var with = Contracts((Name, typeof(Paid))) with { Examples = new Dictionary<string, string> { [$"{Name}/one.json"] = "{}" } };

        Assert.Equal(Verdict.Breaking, Assert.Single(Cli.Contracts.Gate.Compare(with, Contracts((Name, typeof(Paid))))).Verdict);
        Assert.Empty(Cli.Contracts.Gate.Compare(Contracts((Name, typeof(Paid))), with));
    }

    [Fact]
    public void Consumers_are_derived_from_the_brokers_bindings()
    {
        var consumers = Contracts((Name, typeof(Paid)), ("payments.other.v1", typeof(Paid))).Consumers;

        Assert.Equal(["analytics.event-log", "billing.order-paid"], consumers.Of(Name));
        Assert.Equal(["billing.order-paid"], consumers.ByName(Name));
    }

    private static IReadOnlyList<ContractChange> Compare(Type mutated) =>
        Cli.Contracts.Gate.Compare(Contracts((Name, typeof(Paid))), Contracts((Name, mutated)));

    private static ContractFiles Contracts(params IEnumerable<(string Name, Type Type)> events)
    {
        var docs = XmlDocs.Beside(typeof(MutationTests));
        var schemas = events.ToDictionary(@event => @event.Name, @event => SchemaDerivation.Of(@event.Type, @event.Name, docs));
        return new ContractFiles(
            schemas, new Dictionary<string, string>(), new HashSet<string>(), EventConsumers.From(s_definitions, schemas.Keys));
    }

    /// <summary>Whether a reader understands every message of a writer: with all members, with no optional one, with each value of an enum.</summary>
    private static bool IsRead(Type writer, Type reader)
    {
        foreach (var message in Messages(writer))
        {
            try
            {
                JsonSerializer.Deserialize(message, reader, EventJson.Options);
            }
            catch (JsonException)
            {
                return false;
            }
        }

        return true;
    }

    private static IEnumerable<JsonObject> Messages(Type type)
    {
        var schema = SchemaDerivation.Of(type, Name, XmlDocs.Beside(typeof(MutationTests)));
        var full = Value(schema)!.AsObject();
        yield return full;
        var required = schema["required"]!.AsArray().Select(name => (string)name!).ToList();
        yield return new JsonObject(full.Where(member => required.Contains(member.Key)).Select(member => KeyValuePair.Create(member.Key, member.Value?.DeepClone())));
        foreach (var (name, member) in schema["properties"]!.AsObject())
        {
            var others = (member!["enum"]?.AsArray() ?? []).Select(value => value?.DeepClone())
                .Concat(member["type"] is JsonArray ? [null] : (JsonNode?[])[]);
            foreach (var other in others)
            {
                var message = full.DeepClone().AsObject();
                message[name] = other;
                yield return message;
            }
        }

        if (full["items"] is not null && (string?)schema["properties"]!["items"]!["format"] == "int64")
        {
            full["items"] = long.MaxValue;
            yield return full;
        }
    }

    private static JsonNode? Value(JsonObject schema) => (schema["enum"], schema["type"] is JsonArray types ? (string)types[0]! : (string?)schema["type"]) switch
    {
        (JsonArray values, _) => values[0]!.DeepClone(),
        (_, "object") => new JsonObject(schema["properties"]!.AsObject().Select(member => KeyValuePair.Create(member.Key, Value(member.Value!.AsObject())))),
        (_, "string") => (string?)schema["format"] == "uuid" ? Guid.Empty.ToString() : "text",
        _ => 1,
    };
}
