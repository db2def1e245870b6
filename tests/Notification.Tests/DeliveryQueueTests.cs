using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Shop.Notification.Features.Deliver;
using Shop.Notification.Persistence;

namespace Shop.Notification.Tests;

public sealed class DeliveryQueueTests : IAsyncLifetime
{
    private static readonly DeliveryError s_timeout = new("timeout", Permanent: false);

    private readonly Clock _clock = new();
    private TestDatabase _database = null!;

    public async ValueTask InitializeAsync()
    {
        _database = await TestServers.CreateDatabaseAsync("notification");
        await using var db = Open();
        await db.Database.MigrateAsync();
    }

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    [Fact]
    public async Task Concurrent_claims_never_overlap_and_leave_nothing()
    {
        await InsertAsync(200);

        var claimed = await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            await using var db = Open();
            List<Guid> mine = [];
            while (await Queue(db).ClaimAsync(Channels.Email, 7, CancellationToken.None) is { Count: > 0 } batch)
            {
                mine.AddRange(batch.Select(notification => notification.Id));
            }

            return mine;
        }));

        Assert.Equal(200, claimed.Sum(mine => mine.Count));
        Assert.Equal(200, claimed.SelectMany(mine => mine).Distinct().Count());
    }

    [Fact]
    public async Task A_claim_is_bounded_and_oldest_first()
    {
        var ids = await InsertAsync(3);
        await using var db = Open();

        var claimed = await Queue(db).ClaimAsync(Channels.Email, 2, CancellationToken.None);

        Assert.Equal(ids.Take(2).Order(), claimed.Select(notification => notification.Id).Order());
    }

    [Fact]
    public async Task Settling_after_the_lease_has_expired_changes_nothing()
    {
        await InsertAsync(1);
        await using var db = Open();
        var queue = Queue(db);
        var late = Assert.Single(await queue.ClaimAsync(Channels.Email, 1, CancellationToken.None));
        Assert.Empty(await queue.ClaimAsync(Channels.Email, 1, CancellationToken.None));
        _clock.Now += new DeliverySettings().Lease + TimeSpan.FromMilliseconds(1);
        var current = Assert.Single(await queue.ClaimAsync(Channels.Email, 1, CancellationToken.None));

        Assert.Empty(await queue.MarkDeliveredAsync([late]));
        await queue.MarkFailedAsync(late, "timeout");
        await queue.RetryLaterAsync(late, s_timeout);
        await queue.ReleaseAsync(late, TimeSpan.Zero);
        await queue.FailWithoutContactAsync(late);

        var row = await db.Notifications.AsNoTracking().SingleAsync();
        Assert.Equal((NotificationStatus.Pending, 2, current.NextAttemptAt, null),
            (row.Status, row.Attempts, row.NextAttemptAt, row.LastError));
        Assert.Equal([current.Id], await queue.MarkDeliveredAsync([late, current]));
    }

    [Fact]
    public async Task A_channel_is_claimed_without_the_other()
    {
        await InsertAsync(3, Channels.Webhook);
        var mails = await InsertAsync(1);
        await using var db = Open();

        Assert.Equal(mails, (await Queue(db).ClaimAsync(Channels.Email, 10, CancellationToken.None)).Select(notification => notification.Id));
        Assert.Equal(3, (await Queue(db).ClaimAsync(Channels.Webhook, 10, CancellationToken.None)).Count);
    }

    [Fact]
    public async Task A_retry_waits_for_Retry_After()
    {
        await InsertAsync(1);
        await using var db = Open();
        var claimed = Assert.Single(await Queue(db).ClaimAsync(Channels.Email, 1, CancellationToken.None));

        await Queue(db).RetryLaterAsync(claimed, new DeliveryError("http-429", Permanent: false, RetryAfter: TimeSpan.FromHours(2)));

        Assert.Equal(_clock.Now.AddHours(2), (await db.Notifications.AsNoTracking().SingleAsync()).NextAttemptAt);
    }

    [Fact]
    public async Task Notifications_deferred_by_an_open_circuit_back_off_and_lose_no_attempt()
    {
        await InsertAsync(1);
        _clock.Now = _clock.Now.AddDays(1);
        await using var db = Open();
        List<TimeSpan> delays = [];
        for (var i = 0; i < 10; i++)
        {
            var claimed = Assert.Single(await Queue(db).ClaimAsync(Channels.Email, 1, CancellationToken.None));
            await Queue(db).DeferAsync(claimed, TimeSpan.FromSeconds(5));
            var row = await db.Notifications.AsNoTracking().SingleAsync();
            Assert.Equal(0, row.Attempts);
            delays.Add(row.NextAttemptAt!.Value - _clock.Now);
            _clock.Now = row.NextAttemptAt.Value;
        }

        Assert.All(delays, delay => Assert.InRange(delay, TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(5) + new DeliverySettings().MaxRetryDelay));
        Assert.Contains(delays, delay => delay > TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task Attempts_back_off_exponentially_up_to_a_limit()
    {
        await InsertAsync(1);
        await using var db = Open();
        var queue = Queue(db);
        var settings = new DeliverySettings();
        List<TimeSpan> delays = [];
        for (var attempt = 0; attempt < 12; attempt++)
        {
            var claimed = Assert.Single(await queue.ClaimAsync(Channels.Email, 1, CancellationToken.None));
            await queue.RetryLaterAsync(claimed, s_timeout);
            var due = (await db.Notifications.AsNoTracking().SingleAsync()).NextAttemptAt!.Value;
            delays.Add(due - _clock.Now);
            _clock.Now = due + TimeSpan.FromMilliseconds(1);
        }

        Assert.InRange(delays[0], settings.FirstRetryDelay * 0.74, settings.FirstRetryDelay);
        Assert.InRange(delays[3], settings.FirstRetryDelay * 8 * 0.74, settings.FirstRetryDelay * 8);
        Assert.All(delays, delay => Assert.True(delay <= settings.MaxRetryDelay));
        Assert.InRange(delays[^1], settings.MaxRetryDelay * 0.74, settings.MaxRetryDelay);
    }

    [Fact]
    public async Task A_contact_put_concurrently_with_a_failure_for_lack_of_one_is_used()
    {
        await InsertAsync(1);
        await using var db = Open();
        var queue = Queue(db);
        var claimed = Assert.Single(await queue.ClaimAsync(Channels.Email, 1, CancellationToken.None));
        Assert.Empty(await queue.FindContactsAsync([claimed], CancellationToken.None));

        await using var putting = Open();
        await using var transaction = await putting.Database.BeginTransactionAsync();
        await putting.LockContactAsync("ada", CancellationToken.None);
        await putting.Database.ExecuteSqlAsync($"INSERT INTO contacts (customer_id, name, email, updated_at) VALUES ('ada', 'Ada', 'ada@example.com', now())");
        var settling = queue.FailWithoutContactAsync(claimed);
        await Eventually.HoldsAsync("the worker waits for the contact", async () => await _database.ScalarAsync<long>(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'") == 1);
        await transaction.CommitAsync();
        await settling;

        Assert.Single(await queue.ClaimAsync(Channels.Email, 1, CancellationToken.None));
    }

    private NotificationDbContext Open() =>
        new(new DbContextOptionsBuilder<NotificationDbContext>().UseNpgsql(_database.ConnectionString).Options);

    private DeliveryQueue Queue(NotificationDbContext db) => new(db, Options.Create(new DeliverySettings()), _clock);

    /// <summary>Notifications for Ada that are due, each a millisecond after the one before.</summary>
    private async Task<List<Guid>> InsertAsync(int count, string channel = Channels.Email)
    {
        var ids = Enumerable.Range(0, count).Select(_ => Guid.CreateVersion7()).ToList();
        await using var db = Open();
        db.AddRange(ids.Select((id, i) => new Notification
        {
            Id = id,
            EventId = id,
            Audience = Audiences.Customer,
            Recipient = "ada",
            Channel = channel,
            Payload = channel == Channels.Webhook ? "{}" : null,
            Subject = "s",
            Text = "t",
            Status = NotificationStatus.Pending,
            NextAttemptAt = _clock.Now.AddMilliseconds(i - count),
            CreatedAt = _clock.Now,
        }));
        await db.SaveChangesAsync();
        return ids;
    }

    private sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
