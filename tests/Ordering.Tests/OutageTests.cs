using System.Net;
using Npgsql;

namespace Shop.Ordering.Tests;

/// <summary>What a caller sees while the database or the broker is unavailable. Its own service, because it breaks dependencies.</summary>
public sealed class OutageTests(OrderingService ordering) : IClassFixture<OrderingService>
{
    [Fact]
    public async Task Without_the_broker_orders_are_placed_and_their_events_are_published_later()
    {
        var sku = await ordering.ListedAsync();
        await ordering.Broker.DeclareQueueAsync("kept"); // the queue of this test's wire is deleted with its connection
        await ordering.Broker.BindAsync("ordering.order-placed.v1", "kept");
        await ordering.Broker.BindAsync("ordering.order-placed.v2", "kept");
        var down = true;
        var cutting = Task.Run(async () =>
        {
            while (Volatile.Read(ref down))
            {
                await ordering.Broker.CloseConnectionsAsync();
            }
        });

        var id = (await ordering.PlaceAsync("ada", sku)).GetProperty("id").GetGuid();
        Volatile.Write(ref down, false);
        await cutting;

        await Eventually.HoldsAsync("the event was sent after all", async () => await ordering.Database.ScalarAsync<long>(
            "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM outbox_parked)") == 0);
        Assert.Equal("placed", (await OrderingService.GetAsync(ordering.As("ada"), $"/orders/{id}")).GetProperty("status").GetString());

        // Both versions of the event, each at least once: what was cut off before its confirm is published again.
        var kept = await ordering.Broker.PeekAsync("kept");
        Assert.Equal(["ordering.order-placed.v1", "ordering.order-placed.v2"], kept.Select(message => message.Exchange).Distinct().Order());
        Assert.Single(kept.Select(message => message.Properties.GetProperty("message_id").GetString()).Distinct());
    }

    [Fact]
    public async Task Without_the_database_the_answer_is_503_with_retry_after_and_no_stack_trace()
    {
        await LimitConnectionsAsync(0);
        try
        {
            await ordering.Database.CloseConnectionsAsync();
            foreach (var key in (string?[])[null, "a-key"])
            {
                using var request = new HttpRequestMessage(HttpMethod.Post, "/orders")
                {
                    Content = new StringContent("""{"lines":[{"sku":"X","quantity":1}]}""", System.Text.Encoding.UTF8, "application/json"),
                };
                request.Headers.TryAddWithoutValidation("Idempotency-Key", key is null ? [] : [key]);
                using var response = await ordering.As("ada").SendAsync(request);

                Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
                Assert.NotNull(response.Headers.RetryAfter);
                var body = await response.Content.ReadAsStringAsync();
                Assert.Contains("urn:shop:problem:database-unavailable", body, StringComparison.Ordinal);
                Assert.DoesNotContain("Npgsql", body, StringComparison.Ordinal);
            }

            Assert.Equal(HttpStatusCode.ServiceUnavailable, (await ordering.Client().GetAsync(new Uri("/health/ready", UriKind.Relative))).StatusCode);
            Assert.Equal(HttpStatusCode.OK, (await ordering.Client().GetAsync(new Uri("/health/live", UriKind.Relative))).StatusCode);
        }
        finally
        {
            await LimitConnectionsAsync(-1);
        }

        await Eventually.HoldsAsync("the service is ready again", async () =>
            (await ordering.Client().GetAsync(new Uri("/health/ready", UriKind.Relative))).IsSuccessStatusCode);
    }

    [Fact]
    public async Task Without_the_broker_dead_letters_are_a_503_and_nothing_stays_locked()
    {
        await using var cutOff = await SecondOrdering.BesideAsync(ordering, new Uri("amqp://nobody:nothing@127.0.0.1:1/"));
        var staff = cutOff.Client(TestTokens.Staff());
        (HttpMethod Method, string Path, string? Body)[] requests =
        [
            (HttpMethod.Get, "/dead-letters", null), (HttpMethod.Get, "/dead-letters/discarded", null),
            (HttpMethod.Post, "/dead-letters/ordering.stock-reserved/retry", null),
            (HttpMethod.Post, "/dead-letters/ordering.stock-reserved/x/discard", """{"reason":"because"}"""),
        ];
        foreach (var (method, path, body) in requests)
        {
            using var request = new HttpRequestMessage(method, path)
            {
                Content = body is null ? null : new StringContent(body, System.Text.Encoding.UTF8, "application/json"),
            };
            request.Headers.Add("Idempotency-Key", "key-1");
            using var answer = await staff.SendAsync(request);

            var problem = await answer.Content.ReadAsStringAsync();
            Assert.Equal((HttpStatusCode.ServiceUnavailable, true), (answer.StatusCode, answer.Headers.RetryAfter is not null));
            Assert.Contains("urn:shop:problem:broker-unavailable", problem, StringComparison.Ordinal);
            Assert.DoesNotContain("database", problem, StringComparison.Ordinal);
        }

        using var connected = await ordering.AsStaff().GetAsync(new Uri("/dead-letters", UriKind.Relative));
        Assert.Equal(HttpStatusCode.OK, connected.StatusCode);
    }

    private async Task LimitConnectionsAsync(int limit)
    {
        var server = new NpgsqlConnectionStringBuilder(ordering.Database.AdminConnectionString) { Database = "postgres", Pooling = false };
        await using var connection = new NpgsqlConnection(server.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand($"ALTER ROLE \"{ordering.Database.RuntimeRole}\" CONNECTION LIMIT {limit}", connection);
        await command.ExecuteNonQueryAsync();
    }
}
