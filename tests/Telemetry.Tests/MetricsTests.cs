using System.Net;
using System.Net.Http.Headers;
using System.Text.RegularExpressions;
using Shop.Ordering.Features.PlaceOrder;

namespace Shop.Telemetry.Tests;

/// <summary>What the alert rules and the board ask for, a running service has, on its management port only.</summary>
public sealed partial class MetricsTests
{
    // Only after a message had a duplicate, a retry or a consumer's failure; the first test to send one would be slow. Their names are of the same kind.
    private static readonly string[] s_rare = ["shop_inbox_retried_later_total", "shop_inbox_deduplicated_total"];

    [Fact]
    public async Task Every_metric_of_the_rules_and_of_the_board_is_at_the_management_port_and_nothing_else_is()
    {
        await using var broker = await TestServers.CreateVirtualHostAsync("shop");
        await broker.LoadTopologyAsync("nobody");
        await broker.LoadTopologyAsync("ordering");
        await using var wire = await EventWire.ConnectAsync(broker, "ordering.");
        await using var database = await TestServers.CreateDatabaseAsync("ordering");
        var settings = ServiceInstance.Settings(database.ConnectionString, broker.UriOf("ordering"));
        settings["Messaging:Relay"] = "LogTailing"; // which has metrics of its own
        settings["Database:RuntimeRole"] = database.RuntimeRole;
        await ServiceInstance.MigrateAsync<PlaceOrderRequest>(settings);
        settings["ConnectionStrings:Database"] = database.RuntimeConnectionString;
        await using var service = await ServiceProcess.StartAsync<PlaceOrderRequest>(settings, management: true);
        using var management = new HttpClient { BaseAddress = service.ManagementAddress };
        var now = TimeProvider.System.GetUtcNow();
        var listed = new Contracts.Inventory.V1.ProductListed(Guid.CreateVersion7(now), now, "TEA-1", 1, "Tea", 4, "EUR");
        await wire.PublishAsync(listed);
        using var customer = service.Client(TestTokens.Customer());
        await Eventually.HoldsAsync("an order is placed", async () =>
        {
            using var order = new StringContent("""{"lines":[{"sku":"TEA-1","quantity":1}]}""", new MediaTypeHeaderValue("application/json"));
            using var answer = await customer.PostAsync(new Uri("/orders", UriKind.Relative), order);
            return answer.StatusCode == HttpStatusCode.Created;
        });

        string[] asked = [.. AskedFor("alerts.yaml").Concat(AskedFor("board.json")).Distinct().Except(s_rare)];
        Assert.True(asked.Length > 10, string.Join(' ', asked));
        var found = await Eventually.IsAsync($"all of {string.Join(", ", asked)} are reported", () => FoundAsync(management), found => !asked.Except(found).Any());
        Assert.DoesNotContain("shop_no_such_metric", found); // the negative control: a name that nobody reports is not found
        Assert.DoesNotContain("otel_metric_overflow", await management.GetStringAsync(new Uri("/metrics", UriKind.Relative)), StringComparison.Ordinal);

        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(management, "/orders"));
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(management, "/operations"));
        using var staff = service.Client(TestTokens.Staff());
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(staff, "/metrics"));
        using var pretender = new HttpRequestMessage(HttpMethod.Get, "/metrics") { Headers = { Host = service.ManagementAddress!.Authority } };
        using var answer = await staff.SendAsync(pretender);
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    private static IEnumerable<string> AskedFor(string file) =>
        Asked().Matches(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "observability", file))).Select(name => name.Value);

    private static async Task<HashSet<string>> FoundAsync(HttpClient management) =>
        [.. Reported().Matches(await management.GetStringAsync(new Uri("/metrics", UriKind.Relative))).Select(line => line.Groups[1].Value)];

    private static async Task<HttpStatusCode> StatusAsync(HttpClient client, string path)
    {
        using var response = await client.GetAsync(new Uri(path, UriKind.Relative));
        return response.StatusCode;
    }

    [GeneratedRegex(@"\b(shop_(outbox|relay|inbox|queue|log)|messaging_process)_[a-z_]+\b")]
    private static partial Regex Asked();

    [GeneratedRegex(@"^([a-z_]+)[{ ]", RegexOptions.Multiline)]
    private static partial Regex Reported();
}
