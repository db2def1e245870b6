using System.Text.Json;
using System.Text.Json.Nodes;
using Shop.Cli.Contracts;
using Shop.Messaging;

namespace Shop.Contracts.Tests;

/// <summary>What was once sent can be read for ever.</summary>
public sealed class RecordedMessageTests
{
    private static readonly ContractFiles s_committed = ContractFiles.Read(ShopHome.Repository);

    public static TheoryData<string> Examples => [.. s_committed.Examples.Keys.Order(StringComparer.Ordinal)];

    [Fact]
    public void Every_event_has_one() =>
        Assert.Empty(ShopEvents.Catalog.Names.Except(s_committed.Examples.Keys.Select(example => example.Split('/')[0])));

    [Theory]
    [MemberData(nameof(Examples))]
    public void It_is_read_whole(string example)
    {
        var recorded = JsonNode.Parse(s_committed.Examples[example])!.AsObject();
        var type = ShopEvents.Catalog.TypeOf(example.Split('/')[0])!;

        var read = (IIntegrationEvent)recorded.Deserialize(type, EventJson.Options)!;

        Assert.Equal((Guid)recorded["eventId"]!, read.EventId);
        Assert.NotEmpty(read.AggregateId);
        var again = JsonSerializer.SerializeToNode(read, type, EventJson.Options)!.AsObject();
        Assert.Empty(Lost(recorded, again, ""));
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public void It_is_valid_by_its_schema(string example) => Assert.Empty(
        new SchemaValidator(s_committed.Schemas[example.Split('/')[0]]).Validate(JsonNode.Parse(s_committed.Examples[example])));

    [Fact]
    public void Messages_of_the_previous_version_are_valid_by_the_current_schemas()
    {
        var folder = Path.Combine(ShopHome.Repository, "tests", "PreviousVersion", "recorded");
        var recorded = Directory.EnumerateFiles(folder, "*.json").SelectMany(file => JsonNode.Parse(File.ReadAllText(file))!.AsArray()).ToList();

        Assert.NotEmpty(recorded);
        Assert.All(recorded, message => Assert.Empty(
            new SchemaValidator(s_committed.Schemas[(string)message!["exchange"]!]).Validate(message["body"]!["message"])));
    }

    [Fact]
    public void A_violated_constraint_is_found()
    {
        var message = JsonNode.Parse(s_committed.Examples.First(example => example.Key.StartsWith("ordering.order-placed.v1/", StringComparison.Ordinal)).Value)!;
        message["currency"] = "euro";
        message["lines"]![0]!["quantity"] = 0;
        message.AsObject().Remove("total");

        Assert.Equal(
            ["# lacks total", "#/currency is not like ^[A-Z]{3}$", "#/lines/0/quantity is less than 1"],
            new SchemaValidator(s_committed.Schemas["ordering.order-placed.v1"]).Validate(JsonNode.Parse(message.ToJsonString())).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Consumers_find_them_in_the_package() => Assert.All(ShopEvents.Catalog.Names, name =>
    {
        Assert.Equal(ShopEvents.Catalog.SchemaIdOf(name), (string)JsonNode.Parse(ShopEvents.Catalog.SchemaOf(name)!)!["$id"]!);
        Assert.NotEmpty(ShopEvents.Catalog.ExamplesOf(name));
    });

    private static IEnumerable<string> Lost(JsonNode? recorded, JsonNode? read, string path) => (recorded, read) switch
    {
        (JsonObject before, JsonObject after) => before.SelectMany(member => Lost(member.Value, after[member.Key], $"{path}.{member.Key}")),
        (JsonArray before, JsonArray after) when before.Count == after.Count => before.SelectMany((item, i) => Lost(item, after[i], $"{path}[{i}]")),
        (JsonValue before, JsonValue after) when JsonNode.DeepEquals(before, after) || SameTime(before, after) => [],
        (null, null) => [],
        _ => [path],
    };

    private static bool SameTime(JsonValue one, JsonValue other) =>
        one.TryGetValue<DateTimeOffset>(out var before) && other.TryGetValue<DateTimeOffset>(out var after) && before == after;
}
