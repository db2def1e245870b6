using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace Shop.Notification.Tests;

public sealed class ApiTests(NotificationFixture shop) : IClassFixture<NotificationFixture>
{
    [Fact]
    public async Task Every_route_requires_a_valid_token()
    {
        foreach (var token in (string?[])[null, TestTokens.Expired(), TestTokens.SignedWithAnotherKey(), TestTokens.WithoutSignature()])
        {
            using var client = shop.Client(token);
            Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("/notifications")).StatusCode);
            Assert.Equal(HttpStatusCode.Unauthorized, (await client.PutAsJsonAsync("/contacts/me", Body())).StatusCode);
            Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("/contacts/me")).StatusCode);
            Assert.Equal(HttpStatusCode.Unauthorized, (await client.DeleteAsync("/contacts/me")).StatusCode);
            Assert.Equal(HttpStatusCode.Unauthorized, (await client.PostAsync("/contacts/me/webhook-secret", null)).StatusCode);
            Assert.Equal(HttpStatusCode.Unauthorized, (await client.PostAsync($"/notifications/{Guid.CreateVersion7()}/resend", null)).StatusCode);
        }
    }

    [Fact]
    public async Task Its_AsyncAPI_document_is_served_without_a_token()
    {
        var (contentType, document) = await shop.AsyncApiAsync();

        Assert.Equal("application/json; charset=utf-8", contentType);
        Assert.Equal("urn:shop:notification", (string?)document!["id"]);
    }

    [Fact]
    public async Task A_contact_is_created_and_replaced()
    {
        var customer = Sample.Customer("ada");
        using var client = shop.Client(TestTokens.Customer(customer));
        foreach (var (name, email) in ((string, string)[])[("Ada", "ada@example.com"), ("Ada L.", "a.l+shop@mail.example.org")])
        {
            using var answer = await client.PutAsJsonAsync("/contacts/me", new { name, email });

            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            var contact = await answer.Content.ReadFromJsonAsync<JsonElement>();
            Assert.Equal((customer, name, email), (contact.GetProperty("customerId").GetString(),
                contact.GetProperty("name").GetString(), contact.GetProperty("email").GetString()));
        }

        Assert.Equal("a.l+shop@mail.example.org",
            await shop.Database.ScalarAsync<string>($"SELECT email FROM contacts WHERE customer_id = '{customer}'"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("ada")]
    [InlineData("@example.com")]
    [InlineData("ada@")]
    [InlineData("ada@localhost")]
    [InlineData("ada@example.com.")]
    [InlineData("ada@exa mple.com")]
    [InlineData(" ada@example.com")]
    [InlineData("ada@example.com, bob@example.com")]
    [InlineData("Ada <ada@example.com>")]
    [InlineData("\"ada\"@example.com")]
    [InlineData("ada@example.com\r\nBcc: bob@example.com")]
    [InlineData("a..b@example.com")]
    [InlineData("ada@[127.0.0.1]")]
    [InlineData("zoë@example.com")]
    [InlineData("bob.@example.com")]
    [InlineData(".bob@example.com")]
    [InlineData("bob(c)@example.com")]
    [InlineData("ada@exa\u2028mple.com")]
    [InlineData("ada@example.com\u200b")]
    [InlineData("ada@\u202eexample.com")]
    [InlineData("ada@exa\u00admple.com")]
    [InlineData("ada@ex_ample.com")]
    [InlineData("ada@xn--.com")]
    public async Task An_invalid_mail_address_is_rejected(string email) => await RefusedAsync(JsonSerializer.Serialize(Body(email: email)));

    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    [InlineData("Ada\r\nBcc: bob@example.com")]
    [InlineData("Ada\u0000")]
    [InlineData("\u200b\ufeff")]
    public async Task A_name_that_is_not_a_single_line_is_rejected(string name) => await RefusedAsync(JsonSerializer.Serialize(Body(name)));

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("""{"name":"Ada"}""")]
    [InlineData("""{"name":null,"email":"ada@example.com"}""")]
    [InlineData("""{"name":"Ada","email":"ada@example.com","phone":"1"}""")]
    [InlineData("""{"name":"Ada","email":"ada@example.com","webhookUrl":7}""")]
    [InlineData("""{"name":1,"email":"ada@example.com"}""")]
    public async Task An_invalid_contact_body_is_rejected(string json) => await RefusedAsync(json);

    [Fact]
    public async Task Too_long_values_are_rejected()
    {
        await RefusedAsync(JsonSerializer.Serialize(Body(name: new string('a', 201))));
        await RefusedAsync(JsonSerializer.Serialize(Body(email: $"ada@{string.Join('.', Enumerable.Repeat("example", 32))}.com")));
        await RefusedAsync(JsonSerializer.Serialize(Body(name: new string('a', 70_000))), HttpStatusCode.RequestEntityTooLarge);
    }

    [Fact]
    public async Task Customers_see_their_own_and_staff_see_all()
    {
        var (ada, bob) = (Sample.Customer("ada"), Sample.Customer("bob"));
        await shop.Wire.PublishAsync(Sample.Shipped(ada), Sample.Shipped(bob));
        await shop.OnlyOneOfAsync(ada, "failed");
        await shop.OnlyOneOfAsync(bob, "failed");

        using var staff = shop.Client(TestTokens.Staff());
        var all = await staff.GetFromJsonAsync<JsonElement>("/notifications?limit=200");
        string?[] recipients = [.. all.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("recipient").GetString())];
        Assert.Contains(ada, recipients);
        Assert.Contains(bob, recipients);
    }

    [Fact]
    public async Task A_list_is_filtered_by_status_and_order()
    {
        var (customer, order) = (Sample.Customer("filter"), Guid.CreateVersion7());
        await shop.PutContactAsync(customer);
        await shop.Wire.PublishAsync(Sample.Confirmed(customer, order), Sample.Shipped(customer, order), Sample.Shipped(customer));
        await Eventually.IsAsync("three are delivered", () => shop.NotificationsOfAsync(customer, "?status=delivered"), all => all.Count == 3);

        Assert.Equal(2, (await shop.NotificationsOfAsync(customer, $"?orderId={order}")).Count);
        Assert.Equal(2, (await shop.NotificationsOfAsync(customer, $"?orderId={order}&status=delivered")).Count);
        Assert.Empty(await shop.NotificationsOfAsync(customer, "?status=failed"));
        Assert.Empty(await shop.NotificationsOfAsync(customer, $"?orderId={Guid.CreateVersion7()}"));
    }

    [Fact]
    public async Task A_list_is_paged_newest_first()
    {
        var customer = Sample.Customer("pages");
        foreach (var _ in Enumerable.Range(0, 5))
        {
            await shop.Wire.PublishAsync(Sample.Shipped(customer));
        }

        await Eventually.IsAsync("five are there", () => shop.NotificationsOfAsync(customer), all => all.Count == 5);
        using var client = shop.Client(TestTokens.Customer(customer));
        List<Guid> seen = [];
        var (cursor, pages) = ("", 0);
        do
        {
            var page = await client.GetFromJsonAsync<JsonElement>($"/notifications?limit=2{cursor}");
            seen.AddRange(page.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("id").GetGuid()));
            cursor = page.GetProperty("nextCursor").GetString() is { } next ? $"&cursor={next}" : null;
            pages++;
        }
        while (cursor is not null);

        Assert.Equal((3, 5), (pages, seen.Distinct().Count()));
        Assert.Equal(seen.OrderDescending(), seen);
    }

    [Theory]
    [InlineData("?status=lost")]
    [InlineData("?orderId=7")]
    [InlineData("?limit=0")]
    [InlineData("?limit=201")]
    [InlineData("?limit=x")]
    [InlineData("?cursor=*")]
    [InlineData("?cursor=abcd")]
    public async Task An_invalid_list_query_is_a_400(string query)
    {
        using var client = shop.Client(TestTokens.Customer());
        using var answer = await client.GetAsync("/notifications" + query);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
    }

    [Fact]
    public async Task Resending_is_for_staff()
    {
        using var client = shop.Client(TestTokens.Customer());
        Assert.Equal(HttpStatusCode.Forbidden, (await client.PostAsync($"/notifications/{Guid.CreateVersion7()}/resend", null)).StatusCode);
    }

    [Fact]
    public async Task Resending_an_unknown_notification_is_a_404() =>
        Assert.Equal(HttpStatusCode.NotFound, (await shop.ResendAsync(Guid.CreateVersion7())).StatusCode);

    [Fact]
    public async Task A_delivered_notification_is_resent_with_the_same_id()
    {
        var customer = Sample.Customer("again");
        await shop.PutContactAsync(customer);
        await shop.Wire.PublishAsync(Sample.Shipped(customer));
        var id = (await shop.OnlyOneOfAsync(customer, "delivered")).GetProperty("id").GetGuid();

        using var answer = await shop.ResendAsync(id);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var pending = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("pending", pending.GetProperty("status").GetString());
        Assert.Equal(1, pending.GetProperty("deliveries").GetInt32());
        Assert.NotEqual(default, pending.GetProperty("deliveredAt").GetDateTimeOffset());
        Assert.Equal(2, (await shop.OnlyOneOfAsync(customer, "delivered")).GetProperty("deliveries").GetInt32());
        Assert.All(shop.MailsTo(customer), mail => Assert.Contains($"<{id}@shop.example>", mail, StringComparison.Ordinal));
        Assert.Equal(2, shop.MailsTo(customer).Count);
    }

    [Fact]
    public async Task The_same_Idempotency_Key_resends_once()
    {
        var customer = Sample.Customer("key");
        await shop.PutContactAsync(customer);
        await shop.Wire.PublishAsync(Sample.Shipped(customer));
        var id = (await shop.OnlyOneOfAsync(customer, "delivered")).GetProperty("id").GetGuid();
        using var client = shop.Client(TestTokens.Staff());
        client.DefaultRequestHeaders.Add("Idempotency-Key", id.ToString());

        var first = await client.PostAsync($"/notifications/{id}/resend", null);
        await shop.OnlyOneOfAsync(customer, "delivered");
        var second = await client.PostAsync($"/notifications/{id}/resend", null);

        Assert.Equal(await first.Content.ReadAsStringAsync(), await second.Content.ReadAsStringAsync());
        await shop.OnlyOneOfAsync(customer, "delivered");
        Assert.Equal(2, shop.MailsTo(customer).Count);
    }

    [Fact]
    public async Task Resending_a_pending_notification_is_a_409()
    {
        var id = Guid.CreateVersion7();
        await shop.Database.ExecuteAsync($"""
            INSERT INTO notifications (id, event_id, recipient, channel, subject, text, status, attempts, next_attempt_at, created_at)
            VALUES ('{id}', '{id}', 'nobody', 'email', 's', 't', 'Pending', 1, now() + interval '1 day', now())
            """);

        using var answer = await shop.ResendAsync(id);

        Assert.Equal(HttpStatusCode.Conflict, answer.StatusCode);
        Assert.Equal("urn:shop:problem:notification-pending",
            (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("type").GetString());
    }

    private static object Body(string name = "Ada", string email = "ada@example.com") => new { name, email };

    private async Task RefusedAsync(string json, HttpStatusCode status = HttpStatusCode.BadRequest)
    {
        var customer = Sample.Customer("refused");
        using var client = shop.Client(TestTokens.Customer(customer));
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        using var answer = await client.PutAsync("/contacts/me", content);

        Assert.Equal(status, answer.StatusCode);
        Assert.StartsWith("urn:shop:problem:", (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("type").GetString(),
            StringComparison.Ordinal);
        Assert.Equal(0, await shop.Database.ScalarAsync<long>($"SELECT count(*) FROM contacts WHERE customer_id = '{customer}'"));
    }
}
