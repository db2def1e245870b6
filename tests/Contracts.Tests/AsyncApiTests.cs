using System.Text.Json.Nodes;
using Shop.Cli.Contracts;

namespace Shop.Contracts.Tests;

/// <summary>
/// The committed AsyncAPI documents, which the gate holds equal to the code: valid by AsyncAPI's own schema, and complete in themselves.
/// </summary>
public sealed class AsyncApiTests
{
    private static readonly SchemaValidator s_asyncApi = new(
        JsonNode.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "AsyncApi", "3.0.0-without-$id.json")))!);

    public static TheoryData<string> Documents =>
        [.. Directory.EnumerateFiles(Path.Combine(ShopHome.Repository, "docs", "asyncapi")).Select(file => Path.GetFileName(file)!).Order()];

    [Theory]
    [MemberData(nameof(Documents))]
    public void It_is_valid(string document) => Assert.Empty(s_asyncApi.Validate(JsonNode.Parse(Read(document))));

    [Theory]
    [MemberData(nameof(Documents))]
    public void Every_reference_leads_somewhere(string document)
    {
        var root = JsonNode.Parse(Read(document))!;

        var references = References(root).ToList();

        Assert.NotEmpty(references);
        Assert.All(references, reference => Assert.NotNull(reference[2..].Split('/').Aggregate(root, (at, name) => at?[name]!)));
    }

    /// <summary>The negative control: the schema refuses what is no AsyncAPI document.</summary>
    [Theory]
    [InlineData("asyncapi", "\"2.6.0\"")]
    [InlineData("info", "{}")]
    [InlineData("channels", """{"one":{"address":7}}""")]
    [InlineData("operations", """{"one":{"action":"shout","channel":{"$ref":"#/channels/one"}}}""")]
    public void What_is_none_is_refused(string member, string value)
    {
        var document = JsonNode.Parse(Read("ordering.json"))!;
        document[member] = JsonNode.Parse(value);

        Assert.NotEmpty(s_asyncApi.Validate(document));
    }

    private static string Read(string document) => File.ReadAllText(Path.Combine(ShopHome.Repository, "docs", "asyncapi", document));

    private static IEnumerable<string> References(JsonNode? node) => node switch
    {
        JsonObject one => one.SelectMany(member => member.Key == "$ref" ? [(string)member.Value!] : References(member.Value)),
        JsonArray several => several.SelectMany(References),
        _ => [],
    };
}
