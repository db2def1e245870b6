using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Shop.Notification.Tests;

/// <summary>Notification with webhooks on this machine allowed, and short times.</summary>
public sealed class WebhookFixture : NotificationFixture
{
    internal const int MaxAttempts = 3;

    protected override IReadOnlyDictionary<string, string?> Settings => new Dictionary<string, string?>(base.Settings)
    {
        ["Webhook:AllowedNetworks:0"] = "127.0.0.0/8",
        ["Webhook:Timeout"] = "00:01:00",
        ["Delivery:PollInterval"] = "00:00:00.050",
        ["Delivery:QuickRetries"] = "1",
        ["Delivery:QuickRetryDelay"] = "00:00:00.010",
        ["Delivery:FirstRetryDelay"] = "00:00:00.020",
        ["Delivery:MaxAttempts"] = $"{MaxAttempts}",
    };
}

public sealed class WebhookTests(WebhookFixture shop) : IClassFixture<WebhookFixture>
{
    [Fact]
    public async Task An_event_delivered_three_times_notifies_once_per_channel_and_the_call_is_signed()
    {
        await using var hook = await WebhookListener.StartAsync();
        var (customer, order) = (Sample.Customer("hook"), Guid.CreateVersion7());
        var secret = await shop.PutContactAsync(customer, webhookUrl: hook.Url + "?key=1");
        var confirmed = Sample.Confirmed(customer, order);

        await shop.Wire.PublishAsync(confirmed, confirmed, confirmed);

        var notification = await shop.OneOfAsync(customer, "webhook", "delivered");
        await shop.OneOfAsync(customer, "email", "delivered");
        await shop.AllConsumedAsync(NotificationFixture.Queue);
        Assert.Equal(2, (await shop.NotificationsOfAsync(customer)).Count);
        Assert.Single(shop.MailsTo(customer));
        var call = Assert.Single(hook.Calls);
        Assert.Equal("/hook?key=1", call.Path);
        var body = JsonDocument.Parse(call.Body).RootElement;
        Assert.Equal(["id", "event", "occurredAt", "orderId", "subject", "text"], body.EnumerateObject().Select(member => member.Name));
        Assert.Equal(notification.GetProperty("id").GetGuid(), body.GetProperty("id").GetGuid());
        Assert.Equal("ordering.order-confirmed.v1", body.GetProperty("event").GetString());
        Assert.Equal(confirmed.OccurredAt, body.GetProperty("occurredAt").GetDateTimeOffset());
        Assert.Equal(order, body.GetProperty("orderId").GetGuid());
        Assert.Equal("Your order is confirmed", body.GetProperty("subject").GetString());
        Assert.Contains("2 x TEA-1 at EUR 4.50", body.GetProperty("text").GetString(), StringComparison.Ordinal);
        Assert.DoesNotContain(customer, call.Body, StringComparison.Ordinal);
        Assert.Equal(notification.GetProperty("id").GetString(), call.Headers["Shop-Notification-Id"]);
        Assert.Equal(notification.GetProperty("id").GetString(), call.Headers["Idempotency-Key"]);
        Assert.Equal("application/json", call.Headers["Content-Type"]);
        Assert.False(call.Headers.ContainsKey("traceparent"));
        Assert.True(Verify(call, secret!));
        Assert.False(Verify(call with { Body = call.Body + " " }, secret!));
        Assert.False(Verify(call, "whsec_other"));
    }

    [Fact]
    public async Task A_webhook_newer_than_the_event_is_not_called_for_a_duplicate()
    {
        await using var hook = await WebhookListener.StartAsync();
        var customer = Sample.Customer("young");
        await shop.PutContactAsync(customer);
        var shipped = Sample.Shipped(customer);
        await shop.Wire.PublishAsync(shipped);
        await shop.OneOfAsync(customer, "email", "delivered");
        await shop.PutContactAsync(customer, webhookUrl: hook.Url);
        await shop.Database.ExecuteAsync($"DELETE FROM inbox WHERE event_id = '{shipped.EventId}'");

        await shop.Wire.PublishAsync(shipped);

        await Eventually.HoldsAsync("the repeat went through the consumer", async () =>
            await shop.Database.ScalarAsync<long>($"SELECT count(*) FROM inbox WHERE event_id = '{shipped.EventId}'") == 1);
        Assert.Single(await shop.NotificationsOfAsync(customer));
        Assert.Empty(hook.Calls);
    }

    [Theory]
    [InlineData(400)]
    [InlineData(404)]
    [InlineData(410)]
    [InlineData(302)]
    public async Task A_permanent_error_is_not_retried_and_can_be_resent(int status)
    {
        await using var elsewhere = await WebhookListener.StartAsync();
        await using var hook = await WebhookListener.StartAsync();
        hook.Answer = context =>
        {
            context.Response.StatusCode = status;
            context.Response.Headers.Location = elsewhere.Url;
            return Task.CompletedTask;
        };
        var customer = await PublishAsync("final", hook);

        var failed = await shop.OneOfAsync(customer, "webhook", "failed");
        Assert.Equal($"http-{status}", failed.GetProperty("error").GetString());
        Assert.Equal(1, failed.GetProperty("attempts").GetInt32());
        Assert.Single(hook.Calls);
        Assert.Empty(elsewhere.Calls);

        hook.Refuse(200);
        using var answer = await shop.ResendAsync(failed.GetProperty("id").GetGuid());
        answer.EnsureSuccessStatusCode();
        Assert.Equal(1, (await shop.OneOfAsync(customer, "webhook", "delivered")).GetProperty("deliveries").GetInt32());
        Assert.Single(hook.Calls.Select(call => call.Body).Distinct());
        Assert.Single(hook.Calls.Select(call => call.Headers["Idempotency-Key"]).Distinct());
    }

    [Fact]
    public async Task A_server_error_is_retried_immediately_and_later_and_finally_fails()
    {
        await using var hook = await WebhookListener.StartAsync();
        hook.Refuse(503);
        var customer = await PublishAsync("away", hook);

        var failed = await shop.OneOfAsync(customer, "webhook", "failed");
        Assert.Equal("http-503", failed.GetProperty("error").GetString());
        Assert.Equal(WebhookFixture.MaxAttempts, failed.GetProperty("attempts").GetInt32());
        Assert.Equal(WebhookFixture.MaxAttempts * 2, hook.Calls.Count);
    }

    [Fact]
    public async Task Retry_After_of_a_429_is_respected()
    {
        await using var hook = await WebhookListener.StartAsync();
        hook.Refuse(429, "600");
        var customer = await PublishAsync("busy", hook);
        await Eventually.HoldsAsync("the refusal is stored", async () => await shop.Database.ScalarAsync<long>(
            $"SELECT count(*) FROM notifications WHERE recipient = '{customer}' AND last_error = 'http-429'") == 1);

        var seconds = await shop.Database.ScalarAsync<double>(
            $"SELECT extract(epoch FROM next_attempt_at - created_at)::float8 FROM notifications WHERE recipient = '{customer}' AND channel = 'webhook'");
        Assert.InRange(seconds, 600, 1_200);
        Assert.Single(hook.Calls); // nor was it retried immediately
    }

    [Fact]
    public async Task An_endless_response_is_not_read()
    {
        using var endless = new EndlessResponse();
        var customer = Sample.Customer("endless");
        await shop.PutContactAsync(customer, webhookUrl: endless.Url);
        await shop.Wire.PublishAsync(Sample.Shipped(customer));

        await shop.OneOfAsync(customer, "webhook", "delivered");
        var sent = await endless.SentAsync();
        Assert.InRange(sent, 1, 32 * 1024 * 1024); // what fits into the buffers on the way
    }

    [Fact]
    public async Task A_host_that_hangs_delays_neither_mails_nor_other_hosts()
    {
        const int Count = 30;
        await using var dead = await WebhookListener.StartAsync();
        await using var alive = await WebhookListener.StartAsync();
        dead.Hang();
        var (unlucky, lucky) = (Sample.Customer("unlucky"), Sample.Customer("lucky"));
        await shop.PutContactAsync(unlucky, webhookUrl: dead.Url);
        await shop.PutContactAsync(lucky, webhookUrl: alive.Url);
        await shop.Wire.PublishAsync(Enumerable.Range(0, Count).Select(_ => Sample.Shipped(unlucky)));
        await Eventually.HoldsAsync("the dead host has all the calls that it may", () => dead.Calls.Count >= 4);

        await shop.Wire.PublishAsync(Sample.Shipped(lucky));

        await shop.OneOfAsync(lucky, "email", "delivered");
        await shop.OneOfAsync(lucky, "webhook", "delivered");
        await Eventually.HoldsAsync("all mails are there", () => shop.MailsTo(unlucky).Count == Count);
        Assert.Equal(0, await shop.Database.ScalarAsync<long>(
            $"SELECT count(*) FROM notifications WHERE recipient = '{unlucky}' AND channel = 'webhook' AND status = 'Delivered'"));
        Assert.Equal(0, await shop.Database.ScalarAsync<long>(
            $"SELECT count(*) FROM notifications WHERE recipient = '{unlucky}' AND last_error IS NOT NULL")); // all the while it hung
    }

    [Fact]
    public async Task A_certificate_of_an_unknown_authority_is_not_trusted()
    {
        using var authority = new TestAuthority();
        await using var hook = await WebhookListener.StartAsync(authority.Issue());
        var customer = await PublishAsync("selfmade", hook);

        Assert.Equal("certificate", (await shop.OneOfAsync(customer, "webhook", "failed")).GetProperty("error").GetString());
        Assert.Empty(hook.Calls);
    }

    [Fact]
    public async Task An_unreachable_webhook_gets_what_it_missed_when_it_is_back()
    {
        await using var hook = await WebhookListener.StartAsync();
        hook.Refuse(429, "600");
        var customer = await PublishAsync("comesback", hook);
        await Eventually.HoldsAsync("the refusal is stored", async () => await shop.Database.ScalarAsync<long>(
            $"SELECT count(*) FROM notifications WHERE recipient = '{customer}' AND last_error = 'http-429'") == 1);
        await shop.PutContactAsync(customer);
        await shop.Database.ExecuteAsync($"UPDATE notifications SET next_attempt_at = now() WHERE recipient = '{customer}' AND channel = 'webhook'");
        Assert.Equal("no-contact", (await shop.OneOfAsync(customer, "webhook", "failed")).GetProperty("error").GetString());

        hook.Refuse(200);
        var secret = await shop.PutContactAsync(customer, webhookUrl: hook.Url);

        await shop.OneOfAsync(customer, "webhook", "delivered");
        Assert.True(Verify(hook.Calls[^1], secret!));
    }

    private async Task<string> PublishAsync(string name, WebhookListener hook)
    {
        var customer = Sample.Customer(name);
        await shop.PutContactAsync(customer, webhookUrl: hook.Url);
        await shop.Wire.PublishAsync(Sample.Shipped(customer));
        return customer;
    }

    /// <summary>As docs/notifications.md describes for customers.</summary>
    private static bool Verify(WebhookCall call, string secret)
    {
        var parts = call.Headers["Shop-Signature"].Split(',').Select(part => part.Split('=', 2)).ToDictionary(part => part[0], part => part[1]);
        var age = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() - long.Parse(parts["t"], CultureInfo.InvariantCulture);
        var expected = HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes($"{parts["t"]}.{call.Body}"));
        return Math.Abs(age) < 300 && CryptographicOperations.FixedTimeEquals(expected, Convert.FromHexString(parts["v1"]));
    }
}
