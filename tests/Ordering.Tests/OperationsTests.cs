using System.Net;

namespace Shop.Ordering.Tests;

/// <summary>The staff's routes about events: who may read, who may send again.</summary>
public sealed class OperationsTests(OrderingService ordering) : IClassFixture<OrderingService>
{
    [Fact]
    public async Task The_overview_shows_the_services_queues_and_its_relay()
    {
        await ordering.PlaceAsync("ada", await ordering.ListedAsync());

        var view = await Eventually.IsAsync("an event is published", () => OrderingService.GetAsync(ordering.AsStaff(), "/operations"),
            view => view.GetProperty("relay").GetProperty("published").GetInt64() > 0);

        Assert.Equal("ordering", view.GetProperty("service").GetString());
        Assert.Contains("ordering.stock-reserved", view.GetProperty("queues").EnumerateArray().Select(queue => queue.GetProperty("queue").GetString()));
        Assert.All(view.GetProperty("queues").EnumerateArray(), queue => Assert.Equal(1, queue.GetProperty("consumers").GetInt64()));
    }

    [Theory]
    [InlineData("GET", "/operations", "ops:read")]
    [InlineData("GET", "/dead-letters", "ops:read")]
    [InlineData("GET", "/outbox", "ops:read")]
    [InlineData("GET", "/dead-letters/groups", "ops:read")]
    [InlineData("GET", "/outbox/parked", "ops:read")]
    [InlineData("GET", "/operations/jobs", "ops:read")]
    [InlineData("GET", "/operations/audit", "ops:read")]
    [InlineData("GET", "/operations/contracts", "ops:read")]
    [InlineData("GET", "/operations/journey", "ops:read")]
    [InlineData("GET", "/operations/invariants", "ops:read")]
    [InlineData("POST", "/outbox/retry", "ops:redrive")]
    [InlineData("POST", "/dead-letters/ordering.stock-reserved/retry", "ops:redrive")]
    [InlineData("POST", "/dead-letters/ordering.stock-reserved/x/retry", "ops:redrive")]
    [InlineData("POST", "/dead-letters/ordering.stock-reserved/x/discard", "ops:redrive")]
    public async Task Each_route_needs_its_scope_beside_the_role(string method, string path, string scope)
    {
        var other = scope == "ops:read" ? "ops:redrive" : "ops:read";
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(null));
        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(TestTokens.Customer()));
        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(TestTokens.WithRole("supplier")));
        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(TestTokens.Staff(scope: null)));
        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(TestTokens.Staff(scope: $"{scope}-not {other.ToUpperInvariant()}")));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(TestTokens.Staff(scope: "ops:read ops:redrive")));
        if (scope == "ops:redrive")
        {
            Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(TestTokens.Staff(scope: "ops:read")));
        }
        else
        {
            Assert.Equal(HttpStatusCode.OK, await StatusAsync(TestTokens.Staff(scope: "openid ops:read")));
        }

        async Task<HttpStatusCode> StatusAsync(string? token)
        {
            using var client = ordering.Client(token);
            using var request = new HttpRequestMessage(new HttpMethod(method), path);
            request.Content = path.EndsWith("discard", StringComparison.Ordinal) ? JsonContent("""{"reason":"a test"}""") : null;
            using var response = await client.SendAsync(request);
            return response.StatusCode;
        }
    }

    [Theory]
    [InlineData("""{"kind":"retry","queue":"inventory.order-placed"}""", HttpStatusCode.NotFound)]
    [InlineData("""{"kind":"remove","queue":"ordering.stock-reserved"}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"kind":"retry","queue":"ordering.stock-reserved","perSecond":0}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"kind":"retry","queue":"ordering.stock-reserved","perSecond":1001}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"kind":"retry","queue":"ordering.stock-reserved","group":"all of them"}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"kind":"discard","queue":"ordering.stock-reserved"}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"kind":"discard","queue":"ordering.stock-reserved","reason":" "}""", HttpStatusCode.BadRequest)]
    public async Task A_job_that_makes_no_sense_is_refused(string request, HttpStatusCode status)
    {
        Assert.Equal(status, (await OrderingService.SendAsync(ordering.AsStaff(), "/operations/jobs", request)).Status);
        Assert.Equal(HttpStatusCode.NotFound, await StatusOfAsync($"/operations/jobs/{Guid.CreateVersion7()}"));
    }

    [Fact]
    public async Task A_job_is_located_refuses_a_second_one_and_is_cancelled_by_a_person_whom_the_audit_names()
    {
        const string Queue = "ordering.product-prices";
        for (var i = 0; i < 5; i++)
        {
            Assert.True(await ordering.Broker.PublishAsync("", Queue, "no event"u8.ToArray(), new { delivery_mode = 2, message_id = $"job-{i}" }));
        }

        await Eventually.HoldsAsync("all are dead letters", async () => await ordering.Broker.CountReadyAsync($"{Queue}.dead") == 5);
        using var ada = ordering.Client(TestTokens.Staff("ada"));
        using var request = JsonContent($$"""{"kind":"retry","queue":"{{Queue}}","perSecond":1}""");
        using var accepted = await ada.PostAsync(new Uri("/operations/jobs", UriKind.Relative), request);
        Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
        var path = accepted.Headers.Location!.ToString();

        var (status, problem) = await OrderingService.SendAsync(ordering.AsStaff(), "/operations/jobs", $$"""{"kind":"discard","queue":"{{Queue}}","reason":"a test"}""");
        Assert.Equal((HttpStatusCode.Conflict, "urn:shop:problem:job-is-running"), (status, problem.GetProperty("type").GetString()));
        Assert.Contains("started by ada", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);

        using var grace = ordering.Client(TestTokens.Staff("grace"));
        using var cancelled = await grace.DeleteAsync(new Uri(path, UriKind.Relative));
        Assert.Equal(HttpStatusCode.OK, cancelled.StatusCode);
        var job = await OrderingService.GetAsync(ordering.AsStaff(), path);
        Assert.Equal(("cancelled", "ada", "grace", 5), (job.GetProperty("state").GetString(), job.GetProperty("by").GetString(),
            job.GetProperty("cancelledBy").GetString(), job.GetProperty("total").GetInt32()));
        var audit = (await OrderingService.GetAsync(ordering.AsStaff(), "/operations/audit")).EnumerateArray()
            .Where(entry => entry.GetProperty("target").GetString() == Queue)
            .Select(entry => $"{entry.GetProperty("by").GetString()}: {entry.GetProperty("action").GetString()}");
        Assert.Equal(["grace: cancel job", "ada: retry dead letters"], audit);
    }

    [Fact]
    public async Task A_decision_about_one_dead_letter_is_audited_with_its_reason()
    {
        const string Queue = "ordering.stock-reservation-failed";
        Assert.True(await ordering.Broker.PublishAsync("", Queue, "no event"u8.ToArray(), new { delivery_mode = 2, message_id = "one" }));
        await Eventually.HoldsAsync("it is a dead letter", async () => await ordering.Broker.CountReadyAsync($"{Queue}.dead") == 1);

        await OrderingService.SendAsync(ordering.AsStaff(), $"/dead-letters/{Queue}/one/discard", """{"reason":"nobody sends that"}""");

        var entry = (await OrderingService.GetAsync(ordering.AsStaff(), "/operations/audit?limit=200")).EnumerateArray()
            .Single(entry => entry.GetProperty("target").GetString() == $"{Queue} one");
        Assert.Equal(("staff", "discard dead letter", "nobody sends that", 1), (entry.GetProperty("by").GetString(),
            entry.GetProperty("action").GetString(), entry.GetProperty("reason").GetString(), entry.GetProperty("count").GetInt32()));
    }

    [Fact]
    public async Task The_journey_of_an_order_names_what_this_service_published_and_handled()
    {
        var sku = await ordering.ListedAsync();
        var order = (await ordering.PlaceAsync("ada", sku)).GetProperty("id").GetGuid();
        var reserved = OrderingService.Reserved(order, sku);
        await ordering.Wire.PublishAsync(reserved);
        await ordering.StatusIsAsync(order, "confirmed");

        var view = await Eventually.IsAsync("all is published and handled",
            () => OrderingService.GetAsync(ordering.AsStaff(), $"/operations/journey?stream={order}&event={reserved.EventId}"),
            view => view.GetProperty("published").GetArrayLength() == 3 && view.GetProperty("handled").GetArrayLength() == 1);

        Assert.Equal("ordering.stock-reserved", view.GetProperty("handled")[0].GetProperty("queue").GetString());
        Assert.Equal(0, view.GetProperty("waiting").GetArrayLength() + view.GetProperty("parked").GetArrayLength() + view.GetProperty("deadLetters").GetArrayLength());
        Assert.Equal(HttpStatusCode.BadRequest, await StatusOfAsync("/operations/journey?" + string.Join('&', Enumerable.Repeat($"event={order}", 101))));
    }

    [Fact]
    public async Task The_contracts_name_versions_consumers_and_handlers()
    {
        var view = await OrderingService.GetAsync(ordering.AsStaff(), "/operations/contracts");

        Assert.Equal(["ordering.order-placed.v1", "ordering.order-placed.v2"], view.GetProperty("publishes").EnumerateArray()
            .Select(one => one.GetProperty("type").GetString()!).Where(type => type.StartsWith("ordering.order-placed.", StringComparison.Ordinal)));
        Assert.Contains(view.GetProperty("consumes").EnumerateArray(), one => one.GetProperty("queue").GetString() == "ordering.stock-reserved");
        var changed = view.GetProperty("domainEvents").EnumerateArray().Single(one => one.GetProperty("event").GetString() == "OrderStatusChanged");
        Assert.Equal("""["RecordHistory"] ["NotifyOrderStreams"]""", $"{changed.GetProperty("before").GetRawText()} {changed.GetProperty("after").GetRawText()}");
    }

    [Fact]
    public async Task A_parked_event_that_is_not_there_is_not_discarded()
    {
        var (status, _) = await OrderingService.SendAsync(ordering.AsStaff(), "/outbox/parked/4711/discard", """{"reason":"a test"}""");
        var (invalid, _) = await OrderingService.SendAsync(ordering.AsStaff(), "/outbox/parked/4711/discard", """{"reason":""}""");

        Assert.Equal((HttpStatusCode.NotFound, HttpStatusCode.BadRequest), (status, invalid));
    }

    private async Task<HttpStatusCode> StatusOfAsync(string path)
    {
        using var response = await ordering.AsStaff().GetAsync(new Uri(path, UriKind.Relative));
        return response.StatusCode;
    }

    private static StringContent JsonContent(string json) => new(json, System.Text.Encoding.UTF8, "application/json");
}
