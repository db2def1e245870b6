using System.Net;
using System.Text.Json;
using Npgsql;

namespace Shop.Ordering.Tests;

/// <summary>What became of an order, and who or what caused it.</summary>
public sealed class OrderHistoryTests(OrderingService ordering) : IClassFixture<OrderingService>
{
    [Fact]
    public async Task A_history_has_status_reason_and_cause_of_each_change()
    {
        var sku = await ordering.ListedAsync();
        var id = await ordering.ConfirmedAsync("ada", sku);
        await OrderingService.SendAsync(ordering.As("ada"), $"/orders/{id}/cancel");

        var moves = await ItemsAsync(ordering.As("ada"), $"/orders/{id}/history");

        Assert.Equal(["1  placed  customer ada", "2 placed confirmed  event inventory.stock-reserved.v1",
            "3 confirmed cancelled customer-request customer ada"], moves.Select(Line));
        var order = await OrderingService.GetAsync(ordering.As("ada"), $"/orders/{id}");
        Assert.Equal(order.GetProperty("placedAt").GetDateTimeOffset(), moves[0].GetProperty("at").GetDateTimeOffset());
        Assert.All(moves.Zip(moves.Skip(1)), pair =>
            Assert.True(pair.First.GetProperty("at").GetDateTimeOffset() <= pair.Second.GetProperty("at").GetDateTimeOffset()));
    }

    [Fact]
    public async Task The_name_of_a_member_of_the_staff_is_for_staff()
    {
        var id = await ordering.ConfirmedAsync("ada", await ordering.ListedAsync());
        await OrderingService.SendAsync(ordering.AsStaff(), $"/orders/{id}/ship");

        Assert.Equal("3 confirmed shipped  staff ", Line((await ItemsAsync(ordering.As("ada"), $"/orders/{id}/history"))[2]));
        Assert.Equal("3 confirmed shipped  staff staff", Line((await ItemsAsync(ordering.AsStaff(), $"/orders/{id}/history"))[2]));
    }

    [Fact]
    public async Task A_history_is_paged_oldest_first()
    {
        var id = await ordering.ConfirmedAsync("ada", await ordering.ListedAsync());
        await OrderingService.SendAsync(ordering.AsStaff(), $"/orders/{id}/cancel");

        var versions = new List<int>();
        string? cursor = null;
        do
        {
            var page = await OrderingService.GetAsync(ordering.As("ada"), $"/orders/{id}/history?limit=1&cursor={cursor}");
            versions.AddRange(page.GetProperty("items").EnumerateArray().Select(move => move.GetProperty("version").GetInt32()));
            cursor = page.GetProperty("nextCursor").GetString();
        }
        while (cursor is not null);

        Assert.Equal([1, 2, 3], versions);
    }

    [Theory]
    [InlineData("limit=0")]
    [InlineData("limit=201")]
    [InlineData("cursor=not-ours")]
    [InlineData("cursor=LTE")] // a cursor of -1
    public async Task A_bad_query_is_a_400(string query)
    {
        var id = (await ordering.PlaceAsync("ada", await ordering.ListedAsync())).GetProperty("id").GetGuid();

        using var response = await ordering.As("ada").GetAsync(new Uri($"/orders/{id}/history?{query}", UriKind.Relative));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
    }

    [Fact]
    public async Task The_history_of_another_customers_order_is_not_found()
    {
        var id = (await ordering.PlaceAsync("ada", await ordering.ListedAsync())).GetProperty("id").GetGuid();

        foreach (var path in (string[])[$"/orders/{id}/history", $"/orders/{Guid.CreateVersion7()}/history"])
        {
            using var response = await ordering.As("bob").GetAsync(new Uri(path, UriKind.Relative));
            Assert.Equal((HttpStatusCode.NotFound, "application/problem+json"),
                (response.StatusCode, response.Content.Headers.ContentType?.MediaType));
        }
    }

    [Theory]
    [InlineData("UPDATE orders_history SET at = now()")]
    [InlineData("DELETE FROM orders_history")]
    [InlineData("TRUNCATE orders_history")]
    public async Task The_database_rejects_changes_of_a_history(string sql)
    {
        await ordering.PlaceAsync("ada", await ordering.ListedAsync());

        var refused = await Assert.ThrowsAsync<PostgresException>(() => ordering.Database.ExecuteAsync(sql));

        Assert.Equal(PostgresErrorCodes.RestrictViolation, refused.SqlState);
    }

    [Fact]
    public async Task An_order_does_not_change_if_its_history_cannot_be_written()
    {
        var sku = await ordering.ListedAsync();
        var id = (await ordering.PlaceAsync("ada", sku)).GetProperty("id").GetGuid();
        await ordering.Database.ExecuteAsync($"""
            CREATE FUNCTION refuse_line() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF NEW.order_id = '{id}' THEN RAISE EXCEPTION 'the disk is full'; END IF; RETURN NEW;
            END $$;
            CREATE TRIGGER refuse_line BEFORE INSERT ON orders_history FOR EACH ROW EXECUTE FUNCTION refuse_line();
            """);

        var (status, _) = await OrderingService.SendAsync(ordering.As("ada"), $"/orders/{id}/cancel");
        await ordering.Database.ExecuteAsync("DROP FUNCTION refuse_line CASCADE");

        Assert.Equal(HttpStatusCode.InternalServerError, status);
        await ordering.StatusIsAsync(id, "placed");
    }

    private static async Task<List<JsonElement>> ItemsAsync(HttpClient client, string path) =>
        [.. (await OrderingService.GetAsync(client, path)).GetProperty("items").EnumerateArray()];

    private static string Line(JsonElement move) => string.Join(' ', ((string[])["version", "from", "to", "reason", "cause", "causedBy"])
        .Select(name => move.TryGetProperty(name, out var value) ? value.ToString() : ""));
}
