using System.Diagnostics;
using System.Text.Json.Nodes;
using Shop.Cli.Topology;
using Shop.Contracts;
using Shop.Messaging;
using Definitions = Shop.Testing.Topology;

namespace Shop.Topology.Tests;

/// <summary>The committed definitions are what the contracts and the consumers need, and a broker can be compared with them.</summary>
public sealed class DefinitionsTests
{
    private static readonly string s_repository = FindRepository();

    [Fact]
    public async Task The_committed_definitions_are_those_that_the_services_need()
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            ArgumentList = { Path.Combine(s_repository, "tools", "Cli", "bin", BuildOutput(), "shop-cli.dll"), "topology", "--no-build" },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        using var timeout = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        await process.WaitForExitAsync(timeout.Token);

        Assert.True(process.ExitCode == 0, await errors);
        var committed = await File.ReadAllTextAsync(Path.Combine(s_repository, Definitions.RelativePath));
        var drift = committed.Split('\n').Except((await output).Split('\n')).Select(line => "- " + line.Trim())
            .Concat((await output).Split('\n').Except(committed.Split('\n')).Select(line => "+ " + line.Trim()));
        Assert.True(committed == await output, $"""
            {Definitions.RelativePath} is not what the contracts and the services' consumers need. Run

                ./shop topology > {Definitions.RelativePath}

            look at what changed (docs/operations.md says what to do about arguments that cannot change and bindings that are gone), and
            commit it:
            {string.Join('\n', drift)}
            """);
    }

    [Fact]
    public void Every_version_of_every_event_has_an_exchange_and_a_queue_that_is_bound_to_it()
    {
        var definitions = Definitions.Committed();
        var exchanges = Names(definitions, "exchanges", "name");

        Assert.All(ShopEvents.Catalog.Names, name => Assert.Contains(name, exchanges));
        Assert.Empty(EventsWithoutQueue.In(definitions, ShopEvents.Catalog.Names));
    }

    /// <summary>The negative control: missing bindings and a missing queue.</summary>
    [Fact]
    public void A_version_without_a_queue_is_reported()
    {
        const string Old = "ordering.order-placed.v1";
        const string Low = "inventory.stock-level-low.v1";
        var definitions = Definitions.Committed();
        Remove(definitions, "bindings", binding => (string)binding["source"]! == Old);
        Assert.Equal([Old], EventsWithoutQueue.In(definitions, ShopEvents.Catalog.Names));

        Remove(definitions, "queues", queue => (string)queue["name"]! is "analytics.event-log" or "notification.staff-notifications");
        Assert.Contains(Low, EventsWithoutQueue.In(definitions, ShopEvents.Catalog.Names));
    }

    [Fact]
    public void They_contain_no_secret() =>
        Assert.All(Definitions.Committed()["users"]!.AsArray(), user => Assert.Equal("", (string)user!["password_hash"]!));

    [Fact]
    public async Task A_broker_loaded_with_the_definitions_matches_and_a_changed_one_differs()
    {
        await using var broker = await TestServers.CreateVirtualHostAsync("topology");
        await broker.LoadTopologyAsync("inventory");
        var wanted = Definitions.Of("inventory");
        (wanted["users"], wanted["permissions"]) = (new JsonArray(), new JsonArray());
        Assert.Empty(TopologyComparison.Compare(wanted, await broker.ExportAsync()));

        await broker.UnbindAsync("ordering.order-placed.v1", "inventory.order-placed");
        await broker.BindAsync("ordering.order-placed.v1", "inventory.order-shipped");
        await broker.DeleteQueueAsync("inventory.retry-2");
        await broker.DeleteQueueAsync("inventory.order-cancelled");
        await broker.DeclareQueueAsync("inventory.order-cancelled", new Dictionary<string, object> { ["x-delivery-limit"] = 5 });
        await broker.DeclareQueueAsync("inventory.no-longer");

        var findings = TopologyComparison.Compare(wanted, await broker.ExportAsync());

        Assert.Contains(new TopologyFinding("missing", "binding ordering.order-placed.v1 -> inventory.order-placed"), findings);
        Assert.Contains(new TopologyFinding("extra", "binding ordering.order-placed.v1 -> inventory.order-shipped"), findings);
        Assert.Contains(new TopologyFinding("missing", "queue inventory.retry-2"), findings);
        Assert.Contains(new TopologyFinding("extra", "queue inventory.no-longer"), findings);
        Assert.Contains(new TopologyFinding("different", "queue inventory.order-cancelled: x-delivery-limit is 5, should be 50"), findings);
        Assert.Contains(
            new TopologyFinding("different", "queue inventory.order-cancelled: x-overflow is not set, should be \"reject-publish\""), findings);

        // An event that another service consumes too still has a queue, and here there is no other.
        Assert.Contains("ordering.order-cancelled.v1", EventsWithoutQueue.In(await broker.ExportAsync(), ShopEvents.Catalog.Names));
        Assert.DoesNotContain("ordering.order-shipped.v1", EventsWithoutQueue.In(await broker.ExportAsync(), ShopEvents.Catalog.Names));

        // Loading adds what is missing; the rest is a person's decision.
        await broker.LoadTopologyAsync("inventory");
        Assert.DoesNotContain(TopologyComparison.Compare(wanted, await broker.ExportAsync()), finding => finding.Kind == "missing");
    }

    private static void Remove(JsonObject definitions, string category, Func<JsonNode, bool> which) => definitions[category] =
        new JsonArray([.. definitions[category]!.AsArray().Where(item => !which(item!)).Select(item => item!.DeepClone())]);

    private static HashSet<string> Names(JsonObject definitions, string category, string member) =>
        [.. definitions[category]!.AsArray().Select(item => (string)item![member]!)];

    /// <summary>Such as Release/net10.0.</summary>
    private static string BuildOutput()
    {
        var output = new DirectoryInfo(AppContext.BaseDirectory);
        return Path.Combine(output.Parent!.Name, output.Name);
    }

    private static string FindRepository()
    {
        var at = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(at.FullName, "Shop.sln")))
        {
            at = at.Parent!;
        }

        return at.FullName;
    }
}
