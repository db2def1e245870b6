using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Shop.Notification.Persistence;

namespace Shop.Notification.Features.Deliver;

/// <summary>
/// Pending notifications, shared by all instances. A claim is a lease: it commits before the delivery starts, and
/// settling after the lease has passed to another instance changes nothing.
/// </summary>
internal sealed class DeliveryQueue(NotificationDbContext db, IOptions<DeliverySettings> options, TimeProvider clock)
{
    private static readonly TimeSpan s_longestRetryAfter = TimeSpan.FromDays(1);

    private readonly DeliverySettings _settings = options.Value;

    /// <summary>Claims due notifications of a channel, up to a limit, the longest waiting first.</summary>
    public async Task<IReadOnlyList<Notification>> ClaimAsync(string channel, int atMost, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        return await db.Notifications.FromSql($"""
            UPDATE notifications SET attempts = attempts + 1, next_attempt_at = {now + _settings.Lease}
            WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM notifications WHERE status = 'Pending' AND channel = {channel} AND next_attempt_at <= {now}
                ORDER BY next_attempt_at LIMIT {atMost} FOR UPDATE SKIP LOCKED))
            RETURNING *
            """).AsNoTracking().ToListAsync(ct);
    }

    /// <summary>The contacts by notification id, without those that have none.</summary>
    public async Task<Dictionary<Guid, Contact>> FindContactsAsync(IReadOnlyList<Notification> claimed, CancellationToken ct)
    {
        string[] customers = [.. claimed.Where(one => one.Audience == Audiences.Customer).Select(one => one.Recipient).Distinct()];
        var contacts = customers.Length == 0 ? [] : await db.Contacts.AsNoTracking()
            .Where(contact => customers.Contains(contact.CustomerId)).ToDictionaryAsync(contact => contact.CustomerId, ct);
        return claimed.Select(one => (one.Id, Contact: ContactOf(one, contacts.GetValueOrDefault(one.Recipient))))
            .Where(pair => pair.Contact is not null).ToDictionary(pair => pair.Id, pair => pair.Contact!);
    }

    /// <summary>Returns the notifications whose lease had not expired.</summary>
    public async Task<HashSet<Guid>> MarkDeliveredAsync(IReadOnlyList<Notification> claimed)
    {
        Guid[] ids = [.. claimed.Select(one => one.Id)];
        DateTimeOffset[] leases = [.. claimed.Select(one => one.NextAttemptAt!.Value)];
        return [.. await db.Database.SqlQuery<Guid>($"""
            UPDATE notifications SET status = 'Delivered', delivered_at = {clock.GetUtcNow()}, next_attempt_at = NULL, last_error = NULL
            FROM unnest({ids}, {leases}) AS mine (id, lease)
            WHERE notifications.id = mine.id AND next_attempt_at = mine.lease RETURNING notifications.id AS "Value"
            """).ToListAsync()];
    }

    public Task MarkFailedAsync(Notification claimed, string error) => FailAsync(Held(claimed), error);

    /// <summary>Schedules a retry with backoff, not before the recipient's Retry-After.</summary>
    public Task RetryLaterAsync(Notification claimed, DeliveryError error)
    {
        var delay = Backoff(claimed.Attempts);
        if (error.RetryAfter > delay)
        {
            delay = error.RetryAfter < s_longestRetryAfter ? error.RetryAfter.Value : s_longestRetryAfter;
        }

        var due = clock.GetUtcNow() + delay;
        return Held(claimed).ExecuteUpdateAsync(set => set
            .SetProperty(n => n.NextAttemptAt, due)
            .SetProperty(n => n.LastError, error.Code));
    }

    /// <summary>
    /// Releases a claim because its provider's circuit is open: with backoff by age, or everything for
    /// an unreachable host would be claimed and released every few seconds.
    /// </summary>
    public Task DeferAsync(Notification claimed, TimeSpan atLeast)
    {
        var waited = (clock.GetUtcNow() - claimed.CreatedAt) / 8;
        return ReleaseAsync(claimed, atLeast + (waited < _settings.MaxRetryDelay ? waited : _settings.MaxRetryDelay) * Random.Shared.NextDouble());
    }

    /// <summary>Releases a claim without counting an attempt: nothing was sent.</summary>
    public Task ReleaseAsync(Notification claimed, TimeSpan after)
    {
        var due = clock.GetUtcNow() + after;
        return Held(claimed).ExecuteUpdateAsync(set => set
            .SetProperty(n => n.NextAttemptAt, due)
            .SetProperty(n => n.Attempts, n => n.Attempts - 1));
    }

    /// <summary>Fails it for lack of a contact. A contact that was put in the meantime makes it due immediately.</summary>
    public async Task FailWithoutContactAsync(Notification claimed)
    {
        await using var transaction = await db.Database.BeginTransactionAsync();
        await db.LockContactAsync(claimed.Recipient, CancellationToken.None);
        if ((await FindContactsAsync([claimed], CancellationToken.None)).Count > 0)
        {
            await ReleaseAsync(claimed, TimeSpan.Zero);
        }
        else
        {
            await FailAsync(Held(claimed), Notification.NoContact);
        }

        await transaction.CommitAsync();
    }

    private static Contact? ContactOf(Notification claimed, Contact? customer) => claimed switch
    {
        { Audience: Audiences.Staff } => new Contact { CustomerId = "", Name = "", Email = claimed.Recipient, UpdatedAt = claimed.CreatedAt },
        { Channel: Channels.Email } => customer,
        _ => customer?.WebhookUrl is null ? null : customer,
    };

    private static Task<int> FailAsync(IQueryable<Notification> held, string error) => held.ExecuteUpdateAsync(set => set
        .SetProperty(n => n.Status, NotificationStatus.Failed)
        .SetProperty(n => n.NextAttemptAt, (DateTimeOffset?)null)
        .SetProperty(n => n.LastError, error));

    // Only a pending one has a lease. Saying so would let the planner read all pending ones instead of the one with this id.
    private IQueryable<Notification> Held(Notification claimed) =>
        db.Notifications.Where(n => n.Id == claimed.Id && n.NextAttemptAt == claimed.NextAttemptAt);

    /// <summary>Exponential backoff up to the longest delay, with a quarter of jitter.</summary>
    private TimeSpan Backoff(int attempts)
    {
        var doubled = _settings.FirstRetryDelay * Math.Pow(2, Math.Min(attempts - 1, 30));
        var delay = doubled < _settings.MaxRetryDelay ? doubled : _settings.MaxRetryDelay;
        return delay * (0.75 + Random.Shared.NextDouble() * 0.25);
    }
}
