using System.Net;
using Npgsql;

namespace Shop.Ordering.Tests;

/// <summary>The same request twice is one order and one answer.</summary>
public sealed class IdempotencyTests(OrderingService ordering) : IClassFixture<OrderingService>
{
    [Fact]
    public async Task The_same_key_gives_the_same_answer_byte_for_byte_and_one_order()
    {
        var json = Json(await ordering.ListedAsync());
        var customer = NewCustomer();

        var first = await PostAsync(customer, json, "key-1");
        var second = await PostAsync(customer, json, "key-1");

        Assert.Equal(HttpStatusCode.Created, first.Status);
        Assert.Equal(first, second);
        Assert.NotNull(first.Location);
        Assert.Equal(1, await CountOrdersAsync(customer));
    }

    [Fact]
    public async Task A_hundred_repeats_at_once_make_one_order()
    {
        var json = Json(await ordering.ListedAsync());
        var customer = NewCustomer();

        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => PostAsync(customer, json, "key-1")));

        Assert.Equal(1, await CountOrdersAsync(customer));
        Assert.All(answers, answer => Assert.True(answer.Status is HttpStatusCode.Created or HttpStatusCode.Conflict, answer.Body));
        Assert.Single(answers.Where(answer => answer.Status == HttpStatusCode.Created).Select(answer => answer.Body).Distinct());
    }

    [Fact]
    public async Task While_the_first_request_runs_its_repeat_is_told_so()
    {
        var sku = await ordering.ListedAsync();
        var customer = NewCustomer();
        var id = (await ordering.PlaceAsync(customer, sku)).GetProperty("id").GetGuid();
        await using var connection = new NpgsqlConnection(ordering.Database.ConnectionString);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using (var command = new NpgsqlCommand($"SELECT 1 FROM orders WHERE id = '{id}' FOR UPDATE", connection, transaction))
        {
            await command.ExecuteNonQueryAsync();
        }

        // The first cancel holds its key and waits for the row that this test has locked.
        var first = OrderingService.SendAsync(ordering.As(customer), $"/orders/{id}/cancel", key: "cancel-1");
        await Eventually.HoldsAsync("the first request waits for the row", async () => await ordering.Database.ScalarAsync<long>(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 1);
        var (status, problem) = await OrderingService.SendAsync(ordering.As(customer), $"/orders/{id}/cancel", key: "cancel-1");
        await transaction.RollbackAsync();

        Assert.Equal((HttpStatusCode.Conflict, "urn:shop:problem:idempotency-key-in-use"), (status, problem.GetProperty("type").GetString()));
        Assert.Equal(HttpStatusCode.OK, (await first).Status);
    }

    [Fact]
    public async Task The_same_key_with_another_body_is_refused()
    {
        var sku = await ordering.ListedAsync();
        var customer = NewCustomer();
        await PostAsync(customer, Json(sku), "key-1");

        var other = await PostAsync(customer, Json(sku, quantity: 2), "key-1");

        Assert.Equal(HttpStatusCode.UnprocessableEntity, other.Status);
        Assert.Contains("idempotency-key-reused", other.Body, StringComparison.Ordinal);
        Assert.Equal(1, await CountOrdersAsync(customer));
    }

    [Fact]
    public async Task Two_callers_may_use_the_same_key()
    {
        var json = Json(await ordering.ListedAsync());

        var ada = await PostAsync(NewCustomer(), json, "key-1");
        var bob = await PostAsync(NewCustomer(), json, "key-1");

        Assert.Equal((HttpStatusCode.Created, HttpStatusCode.Created), (ada.Status, bob.Status));
        Assert.NotEqual(ada.Body, bob.Body);
    }

    [Fact]
    public async Task A_refusal_is_the_same_answer_too()
    {
        var customer = NewCustomer();

        var first = await PostAsync(customer, Json("GHOST"), "key-1");
        var second = await PostAsync(customer, Json("GHOST"), "key-1");

        Assert.Equal(HttpStatusCode.UnprocessableEntity, first.Status);
        Assert.Equal(first, second);
    }

    [Fact]
    public async Task A_caller_who_hung_up_gets_the_real_answer_the_next_time()
    {
        var json = Json(await ordering.ListedAsync());
        var customer = NewCustomer();
        await using var connection = new NpgsqlConnection(ordering.Database.ConnectionString);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using (var command = new NpgsqlCommand("LOCK TABLE order_lines IN ACCESS EXCLUSIVE MODE", connection, transaction))
        {
            await command.ExecuteNonQueryAsync();
        }

        using (var hangUp = new CancellationTokenSource())
        {
            var first = PostAsync(customer, json, "key-1", hangUp.Token);
            await Eventually.HoldsAsync("the first request waits for the table", async () => await ordering.Database.ScalarAsync<long>(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 1);
            await hangUp.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        }

        await transaction.RollbackAsync();
        var second = await Eventually.IsAsync("the key is free again", () => PostAsync(customer, json, "key-1"),
            answer => answer.Status != HttpStatusCode.Conflict);

        Assert.Equal(HttpStatusCode.Created, second.Status);
        Assert.Equal(1, await CountOrdersAsync(customer));
    }

    [Fact]
    public async Task A_body_of_another_kind_is_a_problem_with_a_key_too()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/orders") { Content = new StringContent("tea", System.Text.Encoding.UTF8, "text/plain") };
        request.Headers.Add("Idempotency-Key", "another-kind");
        using var response = await ordering.As(NewCustomer()).SendAsync(request);

        Assert.Equal((HttpStatusCode.UnsupportedMediaType, "application/problem+json"),
            (response.StatusCode, response.Content.Headers.ContentType?.MediaType));
    }

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    public async Task A_key_that_is_none_is_refused(string? key)
    {
        var answer = await PostAsync(NewCustomer(), Json("X"), key ?? new string('k', 201));

        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
    }

    private static string NewCustomer() => $"customer-{Guid.CreateVersion7():N}";

    private static string Json(string sku, int quantity = 1) => $$"""{"lines":[{"sku":"{{sku}}","quantity":{{quantity}}}]}""";

    private Task<long> CountOrdersAsync(string customer) =>
        ordering.Database.ScalarAsync<long>($"SELECT count(*) FROM orders WHERE customer_id = '{customer}'");

    private async Task<(HttpStatusCode Status, string Body, string? Location, string? Type)> PostAsync(
        string customer, string json, string key, CancellationToken ct = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/orders")
        {
            Content = new StringContent(json, System.Text.Encoding.UTF8, "application/json"),
        };
        request.Headers.TryAddWithoutValidation("Idempotency-Key", key);
        using var response = await ordering.As(customer).SendAsync(request, ct);
        return (response.StatusCode, await response.Content.ReadAsStringAsync(ct), response.Headers.Location?.ToString(),
            response.Content.Headers.ContentType?.ToString());
    }
}
