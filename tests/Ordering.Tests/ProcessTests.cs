using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Npgsql;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging;

namespace Shop.Ordering.Tests;

/// <summary>What only a separate process can show: crashes between two steps, and console output.</summary>
public sealed class ProcessTests(OrderingService ordering) : IClassFixture<OrderingService>
{
    private const string Retried = "ordering.product-prices";
    private const string Discarded = "ordering.stock-reserved";
    private const string Storing = "datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'INSERT INTO idempotency_keys%'";

    [Fact]
    public async Task Dead_letters_moved_before_a_crash_are_moved_once()
    {
        var now = TimeProvider.System.GetUtcNow();
        var listed = new ProductListed(Guid.CreateVersion7(now), now, $"SKU-{Guid.CreateVersion7():N}", 1, "Tea", 4, "EUR");
        await IsDeadAsync(Retried, listed.EventId, new
        {
            messageId = listed.EventId,
            conversationId = listed.EventId,
            messageType = new[] { "urn:message:" + ShopEvents.Catalog.NameOf(typeof(ProductListed)) },
            message = JsonSerializer.SerializeToNode(listed, EventJson.Options),
        });
        var junk = Guid.CreateVersion7();
        await IsDeadAsync(Discarded, junk, new { });

        await using (var process = await StartAsync())
        await using (await ordering.HoldAsync("LOCK TABLE idempotency_keys IN EXCLUSIVE MODE"))
        {
            using var staff = process.Client(TestTokens.Staff("sam"));
            var retry = RetryAsync(staff, listed.EventId);
            var discard = DiscardAsync(staff, junk);
            await Eventually.HoldsAsync("both are moved, and their answers wait for the table", async () =>
                await CountAsync(Retried) + await CountAsync(Discarded) == 0
                && await ordering.Database.ScalarAsync<long>($"SELECT count(*) FROM pg_stat_activity WHERE {Storing}") == 2);
            await process.StopAsync("KILL");
            await EndSessionsThatStoreAsync(); // the database notices a dead client only when it sends something: simulated here
            await Assert.ThrowsAnyAsync<HttpRequestException>(() => retry);
            await Assert.ThrowsAnyAsync<HttpRequestException>(() => discard);
        }

        var beside = ordering.Client(TestTokens.Staff("sam"));
        var (retried, again) = (await RetryAsync(beside, listed.EventId), await RetryAsync(beside, listed.EventId));
        Assert.Equal(("""{"count":0,"left":0}""", retried), (retried, again));
        Assert.Equal("""{"count":0,"left":0}""", await DiscardAsync(beside, junk));
        await ordering.KnownAsync(listed.Sku, 4);
        var kept = await OrderingService.GetAsync(beside, "/dead-letters/discarded");
        Assert.Equal(junk.ToString(), Assert.Single(kept.EnumerateArray()).GetProperty("id").GetString());
    }

    [Fact]
    public async Task Untrusted_input_in_exception_messages_is_escaped_on_the_console()
    {
        var sku = await ordering.ListedAsync();
        await ordering.Database.ExecuteAsync("""
            CREATE FUNCTION refuse_rudely() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION E'rude \x1b[2J\x1b]0;owned\x07 \u009b \u2028 \u202e\r\nfail: forged[0]'; END $$;
            CREATE TRIGGER refuse_rudely BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION refuse_rudely();
            """);
        try
        {
            await using var process = await StartAsync();
            using var ada = process.Client(TestTokens.Customer("ada"));
            using var answer = await ada.PostAsJsonAsync("/orders", new { lines = new[] { new { sku, quantity = 1 } } });
            Assert.Equal(HttpStatusCode.InternalServerError, answer.StatusCode);
            await Eventually.HoldsAsync("the failure is logged with its stack trace", () =>
                process.Output.Contains("POST /orders failed", StringComparison.Ordinal) && process.Output.Contains("   at ", StringComparison.Ordinal));

            Assert.Contains("""rude \u001b[2J\u001b]0;owned\u0007 \u009b \u2028 \u202e\u000d\u000afail: forged[0]""", process.Output, StringComparison.Ordinal);
            Assert.DoesNotContain(process.Output, character => (char.IsControl(character) && character != '\n') || character is '\u2028' or '\u202e');
            Assert.DoesNotContain(process.Output.Split('\n'), line => line.TrimStart().StartsWith("fail: forged", StringComparison.Ordinal));
        }
        finally
        {
            await ordering.Database.ExecuteAsync("DROP FUNCTION refuse_rudely() CASCADE");
        }
    }

    private static async Task<string> RetryAsync(HttpClient staff, Guid id) => await PostAsync(staff, $"/dead-letters/{Retried}/{id}/retry", $"retry {id}", null);

    private static async Task<string> DiscardAsync(HttpClient staff, Guid id) =>
        await PostAsync(staff, $"/dead-letters/{Discarded}/{id}/discard", $"discard {id}", JsonContent.Create(new { reason = "junk" }));

    private static async Task<string> PostAsync(HttpClient staff, string path, string key, HttpContent? body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = body };
        request.Headers.Add("Idempotency-Key", key);
        using var answer = await staff.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return await answer.Content.ReadAsStringAsync();
    }

    private async Task EndSessionsThatStoreAsync()
    {
        await using var connection = new NpgsqlConnection(ordering.Database.AdminConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand($"SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE {Storing}", connection);
        Assert.Equal(2L, await command.ExecuteScalarAsync());
    }

    private Task<int> CountAsync(string queue) => ordering.Broker.CountReadyAsync(queue + ".dead");

    private async Task IsDeadAsync(string queue, Guid id, object body)
    {
        Assert.True(await ordering.Broker.PublishAsync("", queue + ".dead", Encoding.UTF8.GetBytes(JsonSerializer.Serialize(body)),
            new { delivery_mode = 2, message_id = id.ToString(), content_type = "application/vnd.masstransit+json" }));
        await Eventually.HoldsAsync("it is a dead letter", async () => await ordering.Broker.CountReadyAsync(queue + ".dead") == 1);
    }

    private Task<ServiceProcess> StartAsync() => ServiceProcess.StartAsync<Program>(
        ServiceInstance.Settings(ordering.Database.RuntimeConnectionString, ordering.Broker.UriOf("ordering")));
}
