using System.Text.Json.Nodes;
using Shop.Cli;
using Shop.Cli.Topology;
using Shop.Operations;

namespace Shop.Contracts.Tests;

/// <summary>Each service's AsyncAPI document, as its program prints it and serves it: valid by AsyncAPI's own schema, and complete in itself.</summary>
public sealed class AsyncApiTests
{
    private static readonly SchemaValidator s_asyncApi = new(
        JsonNode.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "AsyncApi", "3.0.0-without-$id.json")))!);

    private static readonly Dictionary<string, Task<JsonObject>> s_documents = ShopServices.Projects
        .ToDictionary(service => service, service => ServiceTopologies.AskAsync(service, "asyncapi", CancellationToken.None));

    public static TheoryData<string> Services => [.. ShopServices.Projects];

    [Theory]
    [MemberData(nameof(Services))]
    public async Task It_is_valid(string service) => Assert.Empty(s_asyncApi.Validate(await s_documents[service]));

    [Theory]
    [MemberData(nameof(Services))]
    public async Task Every_reference_resolves(string service)
    {
        var root = await s_documents[service];

        var references = References(root).ToList();

        Assert.NotEmpty(references);
        Assert.All(references, reference => Assert.NotNull(reference[2..].Split('/').Aggregate((JsonNode?)root, (at, name) => at?[name])));
    }

    /// <summary>The negative control: the schema rejects invalid documents.</summary>
    [Theory]
    [InlineData("asyncapi", "\"2.6.0\"")]
    [InlineData("info", "{}")]
    [InlineData("channels", """{"one":{"address":7}}""")]
    [InlineData("operations", """{"one":{"action":"shout","channel":{"$ref":"#/channels/one"}}}""")]
    public async Task An_invalid_value_is_rejected(string member, string value)
    {
        var document = (await s_documents["Ordering"]).DeepClone();
        document[member] = JsonNode.Parse(value);

        Assert.NotEmpty(s_asyncApi.Validate(document));
    }

    private static IEnumerable<string> References(JsonNode? node) => node switch
    {
        JsonObject one => one.SelectMany(member => member.Key == "$ref" ? [(string)member.Value!] : References(member.Value)),
        JsonArray several => several.SelectMany(References),
        _ => [],
    };
}
