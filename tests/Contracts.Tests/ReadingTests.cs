using System.Text.Json;
using System.Text.Json.Nodes;
using Shop.Cli.Contracts;
using Shop.Messaging;

namespace Shop.Contracts.Tests;

/// <summary>
/// Reading rejects what the event's schema rejects: in every event and version, for every member at any depth. What it accepts passes
/// every step to a newer version.
/// </summary>
public sealed class ReadingTests
{
    private static readonly ContractFiles s_committed = ContractFiles.Read(ShopHome.Repository);

    /// <summary>What a member is replaced by; a C# null removes it.</summary>
    private static readonly Func<JsonNode?>?[] s_values =
    [
        null, () => null, () => "", () => " ", () => "x", () => "EUR\n", () => "out-of-stock\n", () => 0, () => -1, () => 1, () => 1.5, () => 1e25, () => true,
        () => new JsonArray(), () => new JsonArray((JsonNode?)null), () => new JsonObject(), () => "2026-11-28T00:00:00Z", () => "junk", () => Guid.Empty.ToString(),
    ];

    public static TheoryData<string> Events => [.. ShopEvents.Catalog.Names];

    [Theory]
    [MemberData(nameof(Events))]
    public void Reading_rejects_what_the_schema_rejects(string name)
    {
        var schema = new SchemaValidator(s_committed.Schemas[name]);
        var type = ShopEvents.Catalog.TypeOf(name)!;
        var refused = 0;
        foreach (var spoilt in s_committed.Examples.Where(example => example.Key.StartsWith(name + "/", StringComparison.Ordinal)).Take(1)
            .SelectMany(example => Spoilt(example.Value)))
        {
            var broken = schema.Validate(JsonNode.Parse(spoilt.ToJsonString()));
            var problem = Read(spoilt, type);
            refused += broken.Count > 0 ? 1 : 0;
            Assert.True(broken.Count == 0 || problem is not null, $"{string.Join("; ", broken)}, and it is read: {spoilt.ToJsonString()}");
        }

        Assert.True(refused > 20, $"only {refused} were refused: nothing was spoilt");
    }

    [Theory]
    [MemberData(nameof(Events))]
    public void Recorded_messages_are_read_and_upcast_to_the_newest_version(string name) => Assert.All(
        s_committed.Examples.Where(example => example.Key.StartsWith(name + "/", StringComparison.Ordinal)), example =>
        {
            var @event = (IIntegrationEvent)JsonSerializer.Deserialize(example.Value, ShopEvents.Catalog.TypeOf(name)!, EventJson.Options)!;
            Assert.Null(EventConstraints.FindViolation(@event));
            Assert.Null(EventConstraints.FindViolation(ShopEvents.Catalog.Newest(@event)));
        });

    private static string? Read(JsonNode spoilt, Type type)
    {
        try
        {
            var @event = (IIntegrationEvent)JsonSerializer.Deserialize(spoilt.ToJsonString(), type, EventJson.Options)!;
            var broken = EventConstraints.FindViolation(@event);
            if (broken is null)
            {
                Assert.Null(EventConstraints.FindViolation(ShopEvents.Catalog.Newest(@event))); // every version step accepts what was read
            }

            return broken;
        }
        catch (JsonException e)
        {
            return e.Message;
        }
    }

    private static IEnumerable<JsonNode> Spoilt(string example)
    {
        foreach (var path in Paths(JsonNode.Parse(example)!, []).ToList())
        {
            foreach (var value in s_values)
            {
                var whole = JsonNode.Parse(example)!;
                var parent = path[..^1].Aggregate(whole, (at, step) => step is string member ? at[member]! : at[(int)step]!);
                switch (parent, path[^1])
                {
                    case (JsonObject members, string member) when value is null:
                        members.Remove(member);
                        break;
                    case (JsonObject members, string member):
                        members[member] = value();
                        break;
                    case (JsonArray items, int index) when value is null:
                        items.Insert(index, null);
                        break;
                    case (JsonArray items, int index):
                        items[index] = value();
                        break;
                }

                yield return whole;
            }
        }
    }

    private static IEnumerable<object[]> Paths(JsonNode? node, object[] path) => node switch
    {
        JsonObject members => members.SelectMany(member => (IEnumerable<object[]>)[[.. path, member.Key], .. Paths(member.Value, [.. path, member.Key])]),
        JsonArray items => items.SelectMany((item, i) => (IEnumerable<object[]>)[[.. path, i], .. Paths(item, [.. path, i])]),
        _ => [],
    };
}
