using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Shop.Notification.Persistence;

namespace Shop.Notification.Features.Deliver;

/// <summary>
/// What is to be delivered, shared by all instances. A claim is a lease: it commits before the mail server is spoken to, and
/// whoever settles after the lease has passed to another changes nothing.
/// </summary>
internal sealed class DeliveryQueue(NotificationDbContext db, IOptions<DeliverySettings> options, TimeProvider clock)
{
    private readonly DeliverySettings _settings = options.Value;

    /// <summary>Takes up to so many notifications that are due, the longest waiting first; nobody else gets the same ones.</summary>
    public async Task<IReadOnlyList<Notification>> ClaimAsync(int atMost, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        return await db.Notifications.FromSql($"""
            UPDATE notifications SET attempts = attempts + 1, next_attempt_at = {now + _settings.Lease}
            WHERE id = ANY (ARRAY(
                SELECT id FROM notifications WHERE status = 'Pending' AND next_attempt_at <= {now}
                ORDER BY next_attempt_at LIMIT {atMost} FOR UPDATE SKIP LOCKED))
            RETURNING *
            """).AsNoTracking().ToListAsync(ct);
    }

    public Task<Contact?> FindContactAsync(Notification claimed, CancellationToken ct) =>
        db.Contacts.AsNoTracking().FirstOrDefaultAsync(contact => contact.CustomerId == claimed.Recipient, ct);

    /// <summary>Whether the claim still held.</summary>
    public async Task<bool> DeliveredAsync(Notification claimed) => await Held(claimed).ExecuteUpdateAsync(set => set
        .SetProperty(n => n.Status, NotificationStatus.Delivered)
        .SetProperty(n => n.DeliveredAt, clock.GetUtcNow())
        .SetProperty(n => n.NextAttemptAt, (DateTimeOffset?)null)
        .SetProperty(n => n.LastError, (string?)null)) == 1;

    public Task FailedAsync(Notification claimed, string error) => FailAsync(Held(claimed), error);

    /// <summary>Tries again later, each time after a longer while.</summary>
    public Task RetryLaterAsync(Notification claimed, string error)
    {
        var due = clock.GetUtcNow() + Backoff(claimed.Attempts);
        return Held(claimed).ExecuteUpdateAsync(set => set
            .SetProperty(n => n.NextAttemptAt, due)
            .SetProperty(n => n.LastError, error));
    }

    /// <summary>Gives it back as if it had not been claimed: the mail server was not asked.</summary>
    public Task ReleaseAsync(Notification claimed, TimeSpan after)
    {
        var due = clock.GetUtcNow() + after;
        return Held(claimed).ExecuteUpdateAsync(set => set
            .SetProperty(n => n.NextAttemptAt, due)
            .SetProperty(n => n.Attempts, n => n.Attempts - 1));
    }

    /// <summary>There is no address to send it to. A contact that came in the meantime makes it due at once.</summary>
    public async Task HasNoContactAsync(Notification claimed)
    {
        await using var transaction = await db.Database.BeginTransactionAsync();
        await db.LockContactAsync(claimed.Recipient, CancellationToken.None);
        if (await db.Contacts.AnyAsync(contact => contact.CustomerId == claimed.Recipient))
        {
            await ReleaseAsync(claimed, TimeSpan.Zero);
        }
        else
        {
            await FailAsync(Held(claimed), DeliveryError.NoContact);
        }

        await transaction.CommitAsync();
    }

    private static Task<int> FailAsync(IQueryable<Notification> held, string error) => held.ExecuteUpdateAsync(set => set
        .SetProperty(n => n.Status, NotificationStatus.Failed)
        .SetProperty(n => n.NextAttemptAt, (DateTimeOffset?)null)
        .SetProperty(n => n.LastError, error));

    private IQueryable<Notification> Held(Notification claimed) => db.Notifications.Where(n =>
        n.Id == claimed.Id && n.Status == NotificationStatus.Pending && n.NextAttemptAt == claimed.NextAttemptAt);

    /// <summary>Doubles from the first delay, up to the longest; the last quarter is left to chance, so that mails spread out.</summary>
    private TimeSpan Backoff(int attempts)
    {
        var doubled = _settings.FirstRetryDelay * Math.Pow(2, Math.Min(attempts - 1, 30));
        var delay = doubled < _settings.MaxRetryDelay ? doubled : _settings.MaxRetryDelay;
        return delay * (0.75 + Random.Shared.NextDouble() * 0.25);
    }
}
