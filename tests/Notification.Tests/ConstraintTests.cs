using Microsoft.EntityFrameworkCore;
using Npgsql;
using Shop.Notification.Persistence;

namespace Shop.Notification.Tests;

/// <summary>What the database itself rejects, so that no bug in the service can write it.</summary>
public sealed class ConstraintTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async ValueTask InitializeAsync()
    {
        _database = await TestServers.CreateDatabaseAsync("notification");
        await using var db = new NotificationDbContext(
            new DbContextOptionsBuilder<NotificationDbContext>().UseNpgsql(_database.ConnectionString).Options);
        await db.Database.MigrateAsync();
        await _database.ExecuteAsync("""
            INSERT INTO notifications (id, event_id, recipient, channel, subject, text, html, status, attempts, next_attempt_at, created_at)
            VALUES ('00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-00000000000e', 'ada', 'email', 's', 't', '<p>t</p>',
                'Pending', 0, now(), now());
            INSERT INTO notifications (id, event_id, recipient, channel, subject, text, payload, status, attempts, next_attempt_at, created_at)
            VALUES ('00000000-0000-7000-8000-000000000002', '00000000-0000-7000-8000-00000000000e', 'ada', 'webhook', 's', 't', '{}',
                'Pending', 0, now(), now());
            INSERT INTO contacts (customer_id, name, email, webhook_url, webhook_secret, updated_at)
            VALUES ('ada', 'Ada', 'ada@example.com', 'https://hooks.example.com/x?y=z', 'whsec_1', now());
            """);
    }

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    [Theory]
    [InlineData("status = 'Sent', next_attempt_at = NULL", "notifications_status")]
    [InlineData("status = 'Delivered', next_attempt_at = NULL", "notifications_delivered_when")]
    [InlineData("next_attempt_at = NULL", "notifications_due_while_pending")]
    [InlineData("status = 'Failed'", "notifications_due_while_pending")]
    [InlineData("attempts = -1", "notifications_attempts")]
    [InlineData("earlier_deliveries = -1", "notifications_earlier_deliveries")]
    [InlineData("channel = 'pigeon'", "notifications_channel")]
    [InlineData("audience = 'everybody'", "notifications_audience")]
    [InlineData("subject = ''", "notifications_content")]
    [InlineData("text = ''", "notifications_content")]
    [InlineData("payload = '{}'", "notifications_content")]
    [InlineData("channel = 'webhook', html = NULL", "notifications_content")]
    public async Task A_mail_that_breaks_a_rule_is_rejected(string change, string constraint) => await RefusedAsync(
        $"UPDATE notifications SET {change} WHERE id = '00000000-0000-7000-8000-000000000001'", constraint);

    [Theory]
    [InlineData("payload = NULL")]
    [InlineData("html = '<p>t</p>'")]
    public async Task A_webhook_call_without_payload_or_with_HTML_is_rejected(string change) => await RefusedAsync(
        $"UPDATE notifications SET {change} WHERE id = '00000000-0000-7000-8000-000000000002'", "notifications_content");

    [Fact]
    public async Task A_second_notification_of_an_event_to_a_recipient_over_a_channel_is_rejected() => await RefusedAsync(
        """
        INSERT INTO notifications (id, event_id, recipient, channel, subject, text, status, attempts, next_attempt_at, created_at)
        VALUES (gen_random_uuid(), '00000000-0000-7000-8000-00000000000e', 'ada', 'email', 's', 't', 'Pending', 0, now(), now())
        """,
        "ix_notifications_event_id_recipient_channel");

    [Theory]
    [InlineData("webhook_url = 'http://hooks.example.com/'", "contacts_webhook_url")]
    [InlineData("webhook_url = 'http://127.0.0.1.example.com/'", "contacts_webhook_url")]
    [InlineData("webhook_url = 'https://user:pass@example.com/'", "contacts_webhook_url")]
    [InlineData("webhook_url = 'https://example.com/ x'", "contacts_webhook_url")]
    [InlineData("webhook_url = 'https://example.com/#x'", "contacts_webhook_url")]
    [InlineData("webhook_url = 'https:///x'", "contacts_webhook_url")]
    [InlineData("webhook_url = ''", "contacts_webhook_url")]
    [InlineData("webhook_url = NULL", "contacts_webhook_secret")]
    [InlineData("webhook_secret = NULL", "contacts_webhook_secret")]
    [InlineData("name = ''", "contacts_filled")]
    [InlineData("email = 'ada'", "contacts_filled")]
    public async Task A_contact_that_breaks_a_rule_is_rejected(string change, string constraint) =>
        await RefusedAsync($"UPDATE contacts SET {change}", constraint);

    [Theory]
    [InlineData("http://localhost:8080/x")]
    [InlineData("http://127.0.0.1/")]
    [InlineData("http://[::1]:1/")]
    [InlineData("https://[2606:2800::1]:8443/a?b=c@d")]
    public async Task A_webhook_over_https_or_to_loopback_is_accepted(string url) =>
        Assert.Equal(1, await _database.ExecuteAsync($"UPDATE contacts SET webhook_url = '{url}'"));

    [Fact]
    public async Task The_workers_claim_finds_what_is_due_by_its_index()
    {
        await _database.ExecuteAsync("""
            INSERT INTO notifications (id, event_id, recipient, channel, subject, text, status, attempts, delivered_at, created_at)
            SELECT gen_random_uuid(), gen_random_uuid(), 'ada', 'email', 's', 't', 'Delivered', 1, now(), now() FROM generate_series(1, 20000);
            """);
        await _database.ExecuteAsync("ANALYZE notifications");

        var plan = await _database.ScalarAsync<string>("""
            EXPLAIN (FORMAT JSON) SELECT id FROM notifications WHERE status = 'Pending' AND channel = 'email' AND next_attempt_at <= now()
            ORDER BY next_attempt_at LIMIT 8 FOR UPDATE SKIP LOCKED
            """);

        Assert.Contains("ix_notifications_channel_next_attempt_at", plan, StringComparison.Ordinal);
        Assert.DoesNotContain("Seq Scan", plan, StringComparison.Ordinal);
    }

    private async Task RefusedAsync(string sql, string constraint)
    {
        var refusal = await Assert.ThrowsAsync<PostgresException>(() => _database.ExecuteAsync(sql));
        Assert.Equal(constraint, refusal.ConstraintName);
    }
}
