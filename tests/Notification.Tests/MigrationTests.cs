using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Shop.Notification.Persistence;

namespace Shop.Notification.Tests;

/// <summary>Notification on a database that the version before this one filled, with rows in every state.</summary>
public sealed class UpgradeFixture : NotificationFixture
{
    internal const string Before = "20261122030746_Initial";

    internal static readonly Guid Delivered = Guid.Parse("01941f29-7c00-7000-8000-000000000001");
    internal static readonly Guid Due = Guid.Parse("01941f29-7c00-7000-8000-000000000002");
    internal static readonly Guid Claimed = Guid.Parse("01941f29-7c00-7000-8000-000000000003");
    internal static readonly Guid NoContact = Guid.Parse("01941f29-7c00-7000-8000-000000000004");
    internal static readonly Guid Taken = Guid.Parse("01941f29-7c00-7000-8000-000000000006");
    internal static readonly Guid GivenUp = Guid.Parse("01941f29-7c00-7000-8000-000000000005");

    internal NotificationDbContext Open() => Open(Database);

    protected override async Task<TestDatabase> CreateDatabaseAsync()
    {
        var database = await TestServers.CreateDatabaseAsync("notification");
        await using var db = Open(database);
        await db.GetService<IMigrator>().MigrateAsync(Before);
        await database.ExecuteAsync($"""
            INSERT INTO contacts (customer_id, name, email, updated_at) VALUES ('ada', 'Ada', 'ada@example.com', now());
            INSERT INTO notifications (id, event_id, order_id, recipient, channel, subject, text, status, attempts, next_attempt_at,
                last_error, created_at, delivered_at)
            VALUES
                ('{Delivered}', '{Delivered}', '{Delivered}', 'ada', 'email', 's', 't1', 'Delivered', 1, NULL, NULL, now(), '2026-01-02T03:04:05Z'),
                ('{Due}', '{Due}', NULL, 'ada', 'email', 's', 't2', 'Pending', 0, now(), NULL, now(), NULL),
                ('{Claimed}', '{Claimed}', '{Claimed}', 'ada', 'email', 's', 't3', 'Pending', 1, now() + interval '1 hour', 'timeout', now(), NULL),
                ('{NoContact}', '{NoContact}', '{NoContact}', 'bob', 'email', 's', 't4', 'Failed', 1, NULL, 'no-contact', now(), NULL),
                ('{GivenUp}', '{GivenUp}', '{GivenUp}', 'ada', 'email', 's', 't5', 'Failed', 8, NULL, 'smtp-550', now(), NULL);
            INSERT INTO inbox (event_id, consumer, processed_at) VALUES ('{Taken}', 'notification.customer-notifications', now());
            """);
        await MigratedDatabases.MigrateAsync<Program>(database);
        return database;
    }

    private static NotificationDbContext Open(TestDatabase database) =>
        new(new DbContextOptionsBuilder<NotificationDbContext>().UseNpgsql(database.ConnectionString).Options);
}

public sealed class MigrationTests(UpgradeFixture shop) : IClassFixture<UpgradeFixture>
{
    [Fact]
    public async Task Every_row_of_the_version_before_is_there_and_goes_on()
    {
        using var staff = shop.Client(TestTokens.Staff());
        var delivered = await Eventually.IsAsync("what was due is delivered", () => ByIdAsync(staff),
            all => all.GetValueOrDefault(UpgradeFixture.Due).GetProperty("status").GetString() == "delivered");

        Assert.Equal("email", Assert.Single(delivered.Values.Select(n => n.GetProperty("channel").GetString()).Distinct()));
        var first = delivered[UpgradeFixture.Delivered];
        Assert.Equal(("delivered", 1, "2026-01-02T03:04:05+00:00", "t1"), (first.GetProperty("status").GetString(),
            first.GetProperty("deliveries").GetInt32(), first.GetProperty("deliveredAt").GetString(), first.GetProperty("text").GetString()));
        var claimed = delivered[UpgradeFixture.Claimed];
        Assert.Equal(("pending", 1, "timeout"),
            (claimed.GetProperty("status").GetString(), claimed.GetProperty("attempts").GetInt32(), claimed.GetProperty("error").GetString()));
        var givenUp = delivered[UpgradeFixture.GivenUp];
        Assert.Equal(("failed", 8, "smtp-550", 0), (givenUp.GetProperty("status").GetString(), givenUp.GetProperty("attempts").GetInt32(),
            givenUp.GetProperty("error").GetString(), givenUp.GetProperty("deliveries").GetInt32()));

        // An old mail has no HTML, and is plain.
        var mail = Assert.Single(shop.MailsTo("ada"), mail => mail.Contains($"{UpgradeFixture.Due}", StringComparison.Ordinal));
        Assert.Contains("t2", mail, StringComparison.Ordinal);
        Assert.DoesNotContain("text/html", mail, StringComparison.Ordinal);
        using var resent = await shop.ResendAsync(UpgradeFixture.Delivered);
        resent.EnsureSuccessStatusCode(); // it may be delivered again before this answer is written
        await Eventually.IsAsync("the old one is delivered again", () => ByIdAsync(staff),
            all => all[UpgradeFixture.Delivered].GetProperty("deliveries").GetInt32() == 2);
    }

    [Fact]
    public async Task A_repeat_of_an_event_from_before_is_still_recognised()
    {
        var repeat = Sample.Confirmed("ada", UpgradeFixture.Delivered) with { EventId = UpgradeFixture.Delivered };

        await shop.Wire.PublishAsync(repeat);

        await Eventually.HoldsAsync("the repeat went through the consumer", async () =>
            await shop.Database.ScalarAsync<long>($"SELECT count(*) FROM inbox WHERE event_id = '{repeat.EventId}'") == 1);
        Assert.Equal(1, await shop.Database.ScalarAsync<long>($"SELECT count(*) FROM notifications WHERE event_id = '{repeat.EventId}'"));
    }

    [Fact]
    public async Task A_repeat_of_an_event_that_the_inbox_knew_before_does_nothing()
    {
        var repeat = Sample.Confirmed("ada", Guid.CreateVersion7()) with { EventId = UpgradeFixture.Taken };
        var next = Sample.Confirmed("cleo", Guid.CreateVersion7());

        await shop.Wire.PublishAsync(repeat, next);

        await Eventually.HoldsAsync("the event after the repeat is taken", async () =>
            await shop.Database.ScalarAsync<long>($"SELECT count(*) FROM notifications WHERE event_id = '{next.EventId}'") == 1);
        await Eventually.HoldsAsync("the queue is empty",
            async () => await shop.Broker.QueueAsync("notification.customer-notifications") is { Ready: 0, Unacknowledged: 0 });
        Assert.Equal(0, await shop.Database.ScalarAsync<long>($"SELECT count(*) FROM notifications WHERE event_id = '{repeat.EventId}'"));
    }

    [Fact]
    public async Task What_had_no_contact_before_is_delivered_once_there_is_one()
    {
        using var client = shop.Client(TestTokens.Customer("bob"));
        using var answer = await client.PutAsJsonAsync("/contacts/me", new { name = "Bob", email = "bob@example.com" });
        answer.EnsureSuccessStatusCode();

        Assert.Equal(UpgradeFixture.NoContact, (await shop.OnlyOneOfAsync("bob", "delivered")).GetProperty("id").GetGuid());
    }

    [Fact]
    public async Task An_instance_of_the_version_before_goes_on_writing_delivering_and_sending_again()
    {
        var id = Guid.CreateVersion7();
        await shop.Database.ExecuteAsync($"""
            INSERT INTO notifications (id, event_id, order_id, recipient, channel, subject, text, status, attempts, next_attempt_at, created_at)
            VALUES ('{id}', '{id}', NULL, 'old-instance', 'email', 's', 't', 'Pending', 0, now() + interval '1 hour', now());
            UPDATE notifications SET status = 'Delivered', delivered_at = now(), next_attempt_at = NULL WHERE id = '{id}';
            UPDATE notifications SET status = 'Pending', delivered_at = NULL, attempts = 0, next_attempt_at = now() + interval '1 hour' WHERE id = '{id}';
            UPDATE notifications SET status = 'Delivered', delivered_at = now(), next_attempt_at = NULL WHERE id = '{id}';
            INSERT INTO contacts (customer_id, name, email, updated_at) VALUES ('old-instance', 'O', 'o@example.com', now())
            ON CONFLICT (customer_id) DO UPDATE SET name = excluded.name;
            """);

        using var staff = shop.Client(TestTokens.Staff());
        Assert.Equal(1, (await ByIdAsync(staff))[id].GetProperty("deliveries").GetInt32());
    }

    [Fact]
    public async Task A_migration_that_was_broken_off_is_finished_by_the_next_run()
    {
        await using var database = await TestServers.CreateDatabaseAsync("notification");
        await using var db = new NotificationDbContext(
            new DbContextOptionsBuilder<NotificationDbContext>().UseNpgsql(database.ConnectionString).Options);
        await db.Database.MigrateAsync();
        await database.ExecuteAsync($"DELETE FROM \"__EFMigrationsHistory\" WHERE \"MigrationId\" <> '{UpgradeFixture.Before}'");

        await db.Database.MigrateAsync();

        Assert.Equal(0, await database.ScalarAsync<long>("SELECT count(*) FROM pg_constraint WHERE NOT convalidated"));
        Assert.Equal(0, await database.ScalarAsync<long>("SELECT count(*) FROM pg_index WHERE NOT indisvalid"));
    }

    private static async Task<Dictionary<Guid, JsonElement>> ByIdAsync(HttpClient staff) =>
        (await staff.GetFromJsonAsync<JsonElement>("/notifications?limit=200")).GetProperty("items").EnumerateArray()
            .ToDictionary(item => item.GetProperty("id").GetGuid());
}
