using Microsoft.Extensions.Options;
using Polly.CircuitBreaker;
using Polly.RateLimiting;

namespace Shop.Notification.Features.Deliver;

/// <summary>
/// Delivers due notifications over one channel, a few at a time. Any number of instances may run: each claims its own. Delivery is at
/// least once, because of crashes after the recipient's acknowledgement; the notification's id, which is in each, stays the same.
/// </summary>
internal sealed partial class DeliveryWorker(
    IServiceScopeFactory scopes,
    INotificationSender sender,
    DeliverySignal signal,
    DeliveredBatcher delivered,
    IOptions<DeliverySettings> options,
    TimeProvider clock,
    ILogger<DeliveryWorker> logger) : BackgroundService
{
    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_pauseAfterError = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_pauseWhenBusy = TimeSpan.FromMilliseconds(500);

    // A larger claim shares its statements, but after a crash all of it waits for the lease to end. So only while deliveries are quick.
    private const int LargestClaim = 8;
    private static readonly TimeSpan s_quick = TimeSpan.FromMilliseconds(500);

    private readonly DeliverySettings _settings = options.Value;
    private readonly SemaphoreSlim _slots = new(options.Value.Concurrency);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Running deliveries get a grace period on shutdown, so that few mails are sent twice.
        using var grace = new CancellationTokenSource();
        await using var stopping = stoppingToken.Register(() => grace.CancelAfter(s_grace));
        List<Task> underWay = [];
        var size = _settings.Concurrency;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                underWay.RemoveAll(delivery => delivery.IsCompleted);
                var claimedAt = clock.GetTimestamp(); // before the claim, so that the lease ends later than computed here
                var free = Math.Max(0, size - underWay.Count);
                var (claims, contacts) = await ClaimAsync(free, stoppingToken);
                underWay.AddRange(claims.Select(claimed =>
                    DeliverInTurnAsync(claimed, contacts.GetValueOrDefault(claimed.Id), claimedAt, stoppingToken, grace.Token)));
                if (claims.Count < free)
                {
                    size = _settings.Concurrency; // no backlog
                    await signal.WaitAsync(sender.Channel, _settings.PollInterval, stoppingToken);
                    continue;
                }

                await AllStartedAsync(stoppingToken);
                size = clock.GetElapsedTime(claimedAt) < s_quick
                    ? Math.Min(size * 2, _settings.Concurrency * LargestClaim)
                    : _settings.Concurrency;
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            catch (Exception e)
            {
                LogCannotClaim(e.GetBaseException().Message);
                await Task.Delay(s_pauseAfterError, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        await Task.WhenAll(underWay);
    }

    public override void Dispose()
    {
        _slots.Dispose();
        base.Dispose();
    }

    /// <summary>Waits behind those that were claimed until there is a free slot.</summary>
    private async Task AllStartedAsync(CancellationToken ct)
    {
        await _slots.WaitAsync(ct);
        _slots.Release();
    }

    private async Task<(IReadOnlyList<Notification> Claims, Dictionary<Guid, Contact> Contacts)> ClaimAsync(int atMost, CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        var queue = scope.ServiceProvider.GetRequiredService<DeliveryQueue>();
        var claims = await queue.ClaimAsync(sender.Channel, atMost, ct);
        return (claims, claims.Count == 0 ? [] : await queue.FindContactsAsync(claims, ct));
    }

    /// <summary>Delivers as soon as a slot is free. What has none on shutdown is released.</summary>
    private async Task DeliverInTurnAsync(Notification claimed, Contact? contact, long claimedAt, CancellationToken stopping, CancellationToken ct)
    {
        var waiting = _slots.WaitAsync(stopping);
        await waiting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        try
        {
            await using var scope = scopes.CreateAsyncScope();
            var queue = scope.ServiceProvider.GetRequiredService<DeliveryQueue>();
            await (waiting.IsCompletedSuccessfully
                ? DeliverAsync(queue, claimed, contact, claimedAt, ct)
                : queue.ReleaseAsync(claimed, TimeSpan.Zero));
        }
        catch (Exception e)
        {
            // The database is unavailable: the lease expires, and another instance claims the notification.
            LogCannotSettle(claimed.Id, e.GetBaseException().Message);
        }
        finally
        {
            if (waiting.IsCompletedSuccessfully)
            {
                _slots.Release();
            }
        }
    }

    private async Task DeliverAsync(DeliveryQueue queue, Notification claimed, Contact? contact, long claimedAt, CancellationToken ct)
    {
        if (claimed.Attempts > _settings.MaxAttempts)
        {
            await queue.MarkFailedAsync(claimed, DeliveryError.Lost);
            LogFailed(claimed.Id, claimed.Attempts - 1, DeliveryError.Lost);
        }
        else if (contact is not null)
        {
            await AttemptAsync(queue, claimed, contact, claimedAt, ct);
        }
        else
        {
            await queue.FailWithoutContactAsync(claimed);
            LogNoContact(claimed.Id);
        }
    }

    private async Task AttemptAsync(DeliveryQueue queue, Notification claimed, Contact contact, long claimedAt, CancellationToken ct)
    {
        if (clock.GetElapsedTime(claimedAt) > _settings.StartWithin)
        {
            await queue.ReleaseAsync(claimed, TimeSpan.Zero);
            LogStalled(claimed.Id);
            return;
        }

        using var span = NotificationTelemetry.Deliver(claimed);
        try
        {
            await sender.SendAsync(claimed, contact, ct);
        }
        catch (BrokenCircuitException e)
        {
            NotificationTelemetry.Defer(span, "circuit open");
            await queue.DeferAsync(claimed, e.RetryAfter ?? _settings.BreakDuration);
            return;
        }
        catch (RateLimiterRejectedException)
        {
            NotificationTelemetry.Defer(span, "host busy");
            await queue.DeferAsync(claimed, s_pauseWhenBusy);
            return;
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            NotificationTelemetry.Defer(span, "shutdown");
            await queue.ReleaseAsync(claimed, TimeSpan.Zero);
            return;
        }
        catch (Exception e)
        {
            var error = DeliveryError.Of(e);
            NotificationTelemetry.Fail(span, error);
            await SettleFailureAsync(queue, claimed, error, e.GetType().Name);
            return;
        }

        if (await delivered.MarkDeliveredAsync(claimed))
        {
            LogDelivered(claimed.Id, claimed.Attempts);
        }
        else
        {
            LogLeaseLost(claimed.Id);
        }
    }

    private async Task SettleFailureAsync(DeliveryQueue queue, Notification claimed, DeliveryError error, string exception)
    {
        // Not the exception's messages: they may contain the address.
        if (error.Permanent || claimed.Attempts >= _settings.MaxAttempts)
        {
            await queue.MarkFailedAsync(claimed, error.Code);
            LogFailed(claimed.Id, claimed.Attempts, error.Code);
        }
        else
        {
            await queue.RetryLaterAsync(claimed, error);
            LogWillRetry(claimed.Id, claimed.Attempts, error.Code, exception);
        }
    }

    [LoggerMessage(LogLevel.Debug, "Notification {Id} delivered at attempt {Attempts}")]
    private partial void LogDelivered(Guid id, int attempts);

    [LoggerMessage(LogLevel.Debug, "Notification {Id} has no contact; kept until there is one")]
    private partial void LogNoContact(Guid id);

    [LoggerMessage(LogLevel.Warning, "Notification {Id} failed at attempt {Attempts} with {Error} ({Exception}); will be retried")]
    private partial void LogWillRetry(Guid id, int attempts, string error, string exception);

    [LoggerMessage(LogLevel.Error, "Notification {Id} failed permanently after {Attempts} attempts with {Error}; it can be resent")]
    private partial void LogFailed(Guid id, int attempts, string error);

    [LoggerMessage(LogLevel.Warning, "Notification {Id} delivered after its lease expired; it may be delivered twice")]
    private partial void LogLeaseLost(Guid id);

    [LoggerMessage(LogLevel.Warning, "Notification {Id} released: too much of its lease had passed")]
    private partial void LogStalled(Guid id);

    [LoggerMessage(LogLevel.Warning, "Outcome of notification {Id} could not be stored; its lease will expire: {Reason}")]
    private partial void LogCannotSettle(Guid id, string reason);

    [LoggerMessage(LogLevel.Warning, "Notifications could not be claimed: {Reason}")]
    private partial void LogCannotClaim(string reason);
}
