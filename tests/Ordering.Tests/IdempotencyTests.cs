using System.Net;

namespace Shop.Ordering.Tests;

/// <summary>A retried request places one order and gets one response.</summary>
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
    public async Task A_hundred_concurrent_retries_place_one_order()
    {
        var json = Json(await ordering.ListedAsync());
        var customer = NewCustomer();

        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => PostAsync(customer, json, "key-1")));

        Assert.Equal(1, await CountOrdersAsync(customer));
        Assert.All(answers, answer => Assert.True(answer.Status is HttpStatusCode.Created or HttpStatusCode.Conflict, answer.Body));
        Assert.Single(answers.Where(answer => answer.Status == HttpStatusCode.Created).Select(answer => answer.Body).Distinct());
    }

    [Theory]
    [InlineData("place")]
    [InlineData("cancel")]
    [InlineData("ship")]
    public async Task While_the_first_request_runs_a_retry_gets_a_409(string command)
    {
        var (caller, path, json) = await CommandAsync(command);
        var key = $"key-{Guid.CreateVersion7()}";

        // The first request holds its key and waits for the table that this test has locked.
        await using var held = await ordering.HoldAsync("LOCK TABLE order_lines IN ACCESS EXCLUSIVE MODE");
        var first = PostAsync(caller, path, json, key);
        await ordering.LockIsAwaitedAsync(held);
        var second = await PostAsync(caller, path, json, key);
        await held.RollbackAsync();

        Assert.Equal(HttpStatusCode.Conflict, second.Status);
        Assert.Contains("urn:shop:problem:idempotency-key-in-use", second.Body, StringComparison.Ordinal);
        Assert.True((await first).Status is HttpStatusCode.OK or HttpStatusCode.Created, (await first).Body);
    }

    [Fact]
    public async Task Every_command_gives_the_same_answer_byte_for_byte_on_every_instance()
    {
        await using var second = await SecondOrdering.BesideAsync(ordering);
        foreach (var command in (string[])["place", "cancel", "ship"])
        {
            var (caller, path, json) = await CommandAsync(command);
            var key = $"key-{Guid.CreateVersion7()}";
            var beside = second.Client(TestTokens.Customer("nobody"));
            beside.DefaultRequestHeaders.Authorization = caller.DefaultRequestHeaders.Authorization;

            var answers = new[]
            {
                await PostAsync(caller, path, json, key), await PostAsync(beside, path, json, key),
                await PostAsync(caller, path, json, key),
            };

            Assert.True(answers[0].Status is HttpStatusCode.OK or HttpStatusCode.Created, answers[0].Body);
            Assert.Equal(command == "place", answers[0].Location is not null);
            Assert.Equal("application/json; charset=utf-8", answers[0].Type);
            Assert.Equal(answers[0], answers[1]);
            Assert.Equal(answers[0], answers[2]);
        }
    }

    [Theory]
    [InlineData("place")]
    [InlineData("cancel")]
    [InlineData("ship")]
    public async Task The_same_key_for_another_request_is_rejected(string command)
    {
        var (caller, path, json) = await CommandAsync(command);
        var key = $"key-{Guid.CreateVersion7()}";
        var (_, otherPath, otherJson) = await CommandAsync(command);
        await PostAsync(caller, path, json, key);

        var other = await PostAsync(caller, otherPath, otherJson, key);

        Assert.Equal(HttpStatusCode.UnprocessableEntity, other.Status);
        Assert.Contains("idempotency-key-reused", other.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_retry_on_another_instance_gets_the_first_response_after_a_lost_connection()
    {
        await using var second = await SecondOrdering.BesideAsync(ordering);
        var customer = NewCustomer();
        var json = Json(await ordering.ListedAsync());
        var address = ordering.Client().BaseAddress!;
        using (var socket = new System.Net.Sockets.Socket(System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Tcp))
        {
            await socket.ConnectAsync("localhost", address.Port);
            await socket.SendAsync(System.Text.Encoding.ASCII.GetBytes(
                $"POST /orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TestTokens.Customer(customer)}\r\nIdempotency-Key: key-1\r\n"
                + $"Content-Type: application/json; charset=utf-8\r\nContent-Length: {json.Length}\r\n\r\n{json}"));
            await Eventually.HoldsAsync("the order is committed", async () => await CountOrdersAsync(customer) == 1);
            socket.LingerState = new System.Net.Sockets.LingerOption(true, 0); // a reset: nothing of the answer is read
        }

        var beside = await PostAsync(second.Client(TestTokens.Customer(customer)), "/orders", json, "key-1");
        var again = await PostAsync(customer, json, "key-1");

        Assert.Equal(HttpStatusCode.Created, beside.Status);
        Assert.Equal(beside, again);
        Assert.Equal(1, await CountOrdersAsync(customer));
        Assert.Equal($"/orders/{await ordering.Database.ScalarAsync<Guid>($"SELECT id FROM orders WHERE customer_id = '{customer}'")}", beside.Location);
    }

    [Theory]
    [InlineData("idempotency_keys", "caller", "INITIALLY IMMEDIATE")]
    [InlineData("idempotency_keys", "caller", "INITIALLY DEFERRED")]
    [InlineData("orders", "customer_id", "INITIALLY DEFERRED")]
    public async Task A_change_and_its_response_are_stored_together_or_not_at_all(string table, string column, string when)
    {
        var customer = NewCustomer();
        var json = Json(await ordering.ListedAsync());
        var name = $"refuse_{Guid.CreateVersion7():N}";
        await ordering.Database.ExecuteAsync($"""
            CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF NEW.{column} = '{customer}' THEN RAISE EXCEPTION 'not today'; END IF;
                RETURN NULL;
            END $$;
            CREATE CONSTRAINT TRIGGER {name} AFTER INSERT ON {table} DEFERRABLE {when} FOR EACH ROW EXECUTE FUNCTION {name}();
            """);
        var refused = await PostAsync(customer, json, "key-1");
        var stored = await ordering.Database.ScalarAsync<long>($"SELECT count(*) FROM idempotency_keys WHERE caller = '{customer}'");
        await ordering.Database.ExecuteAsync($"DROP FUNCTION {name}() CASCADE");

        Assert.Equal(HttpStatusCode.InternalServerError, refused.Status);
        Assert.Equal((0, 0), (stored, await CountOrdersAsync(customer)));
        Assert.Equal(HttpStatusCode.Created, (await PostAsync(customer, json, "key-1")).Status);
        Assert.Equal(1, await CountOrdersAsync(customer));
    }

    [Fact]
    public async Task A_command_is_retried_after_a_concurrency_conflict_with_an_Idempotency_Key_too()
    {
        var (caller, path, json) = await CommandAsync("cancel");
        var id = path.Split('/')[2];

        // Another transaction confirms, and commits while the cancel, which has read the order as placed, waits to write.
        await using var confirm = await ordering.HoldAsync($"""
            UPDATE orders SET status = 'Confirmed', version = 2 WHERE id = '{id}';
            INSERT INTO orders_history (order_id, version, from_status, to_status, cause, caused_by, at)
            VALUES ('{id}', 2, 'Placed', 'Confirmed', 'event', 'test', now())
            """);
        var cancel = PostAsync(caller, path, json, "key-1");
        await ordering.LockIsAwaitedAsync(confirm);
        await confirm.CommitAsync();

        Assert.Equal(HttpStatusCode.OK, (await cancel).Status);
        Assert.Equal(["1 Placed customer", "2 Placed Confirmed event", "3 Confirmed Cancelled customer"], await ordering.HistoryAsync(Guid.Parse(id)));
    }

    [Fact]
    public async Task The_same_key_with_another_body_is_rejected()
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
    public async Task An_error_response_is_replayed_too()
    {
        var customer = NewCustomer();

        var first = await PostAsync(customer, Json("GHOST"), "key-1");
        var second = await PostAsync(customer, Json("GHOST"), "key-1");

        Assert.Equal(HttpStatusCode.UnprocessableEntity, first.Status);
        Assert.Equal(first, second);
    }

    [Fact]
    public async Task A_caller_who_disconnected_gets_the_real_response_on_retry()
    {
        var json = Json(await ordering.ListedAsync());
        var customer = NewCustomer();
        await using var held = await ordering.HoldAsync("LOCK TABLE order_lines IN ACCESS EXCLUSIVE MODE");
        using (var hangUp = new CancellationTokenSource())
        {
            var first = PostAsync(customer, json, "key-1", hangUp.Token);
            await ordering.LockIsAwaitedAsync(held);
            await hangUp.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        }

        await held.RollbackAsync();
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
    public async Task An_invalid_key_is_rejected(string? key)
    {
        var answer = await PostAsync(NewCustomer(), Json("X"), key ?? new string('k', 201));

        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
    }

    private static string NewCustomer() => $"customer-{Guid.CreateVersion7():N}";

    private static string Json(string sku, int quantity = 1) => $$"""{"lines":[{"sku":"{{sku}}","quantity":{{quantity}}}]}""";

    private Task<long> CountOrdersAsync(string customer) =>
        ordering.Database.ScalarAsync<long>($"SELECT count(*) FROM orders WHERE customer_id = '{customer}'");

    /// <summary>A command: who sends it, where, with which body.</summary>
    private async Task<(HttpClient Caller, string Path, string Json)> CommandAsync(string command)
    {
        var sku = await ordering.ListedAsync();
        return command switch
        {
            "place" => (ordering.As("keyed"), "/orders", Json(sku)),
            "cancel" => (ordering.As("keyed"), $"/orders/{(await ordering.PlaceAsync("keyed", sku)).GetProperty("id").GetGuid()}/cancel", ""),
            _ => (ordering.AsStaff(), $"/orders/{await ordering.ConfirmedAsync("keyed", sku)}/ship", ""),
        };
    }

    private Task<(HttpStatusCode Status, string Body, string? Location, string? Type)> PostAsync(
        string customer, string json, string key, CancellationToken ct = default) => PostAsync(ordering.As(customer), "/orders", json, key, ct);

    private static async Task<(HttpStatusCode Status, string Body, string? Location, string? Type)> PostAsync(
        HttpClient client, string path, string json, string key, CancellationToken ct = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new StringContent(json, System.Text.Encoding.UTF8, "application/json"),
        };
        request.Headers.TryAddWithoutValidation("Idempotency-Key", key);
        using var response = await client.SendAsync(request, ct);
        return (response.StatusCode, await response.Content.ReadAsStringAsync(ct), response.Headers.Location?.ToString(),
            response.Content.Headers.ContentType?.ToString());
    }
}
