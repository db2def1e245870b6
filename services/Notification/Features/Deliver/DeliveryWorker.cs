using Microsoft.Extensions.Options;
using Polly.CircuitBreaker;
using Polly.RateLimiting;

namespace Shop.Notification.Features.Deliver;

/// <summary>
/// Delivers what is due over one channel, a few at a time. Any number of instances may run: each claims its own. At least once at
/// the other side, because a crash after its yes repeats; the notification's id, which is in each, stays the same.
/// </summary>
internal sealed partial class DeliveryWorker(
    IServiceScopeFactory scopes,
    INotificationSender sender,
    DeliveryDoorbell doorbell,
    DeliveredTogether delivered,
    IOptions<DeliverySettings> options,
    TimeProvider clock,
    ILogger<DeliveryWorker> logger) : BackgroundService
{
    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_pauseAfterError = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_pauseWhenBusy = TimeSpan.FromMilliseconds(500);

    private readonly DeliverySettings _settings = options.Value;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Conversations under way when the service stops get a little time to end, so that few mails are sent twice.
        using var impatience = new CancellationTokenSource();
        await using var stopping = stoppingToken.Register(() => impatience.CancelAfter(s_grace));
        List<Task> underWay = [];
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                underWay.RemoveAll(delivery => delivery.IsCompleted);
                var claimedAt = clock.GetTimestamp(); // before the claim, so that the lease ends later than is reckoned here
                var (claims, contacts) = await ClaimAsync(_settings.Concurrency - underWay.Count, stoppingToken);
                underWay.AddRange(claims.Select(claimed =>
                    DeliverAsync(claimed, contacts.GetValueOrDefault(claimed.Id), claimedAt, impatience.Token)));
                await (underWay.Count == _settings.Concurrency
                    ? Task.WhenAny(underWay).WaitAsync(stoppingToken)
                    : doorbell.WaitAsync(sender.Channel, _settings.PollInterval, stoppingToken));
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

    private async Task<(IReadOnlyList<Notification> Claims, Dictionary<Guid, Contact> Contacts)> ClaimAsync(int atMost, CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        var queue = scope.ServiceProvider.GetRequiredService<DeliveryQueue>();
        var claims = await queue.ClaimAsync(sender.Channel, atMost, ct);
        return (claims, claims.Count == 0 ? [] : await queue.FindContactsAsync(claims, ct));
    }

    private async Task DeliverAsync(Notification claimed, Contact? contact, long claimedAt, CancellationToken ct)
    {
        try
        {
            await using var scope = scopes.CreateAsyncScope();
            var queue = scope.ServiceProvider.GetRequiredService<DeliveryQueue>();
            if (claimed.Attempts > _settings.MaxAttempts)
            {
                await queue.FailedAsync(claimed, DeliveryError.Lost);
                LogFailed(claimed.Id, claimed.Attempts - 1, DeliveryError.Lost);
            }
            else if (contact is not null)
            {
                await AttemptAsync(queue, claimed, contact, claimedAt, ct);
            }
            else
            {
                await queue.HasNoContactAsync(claimed);
                LogNoContact(claimed.Id);
            }
        }
        catch (Exception e)
        {
            // The database is away: the lease runs out, and whoever is there then takes the notification over.
            LogCannotSettle(claimed.Id, e.GetBaseException().Message);
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
            NotificationTelemetry.Skip(span, "circuit open");
            await queue.PutOffAsync(claimed, e.RetryAfter ?? _settings.BreakDuration);
            return;
        }
        catch (RateLimiterRejectedException)
        {
            NotificationTelemetry.Skip(span, "host busy");
            await queue.PutOffAsync(claimed, s_pauseWhenBusy);
            return;
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            NotificationTelemetry.Skip(span, "shutdown");
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

        if (await delivered.DeliveredAsync(claimed))
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
        // Neither the exception's text nor its inner ones: they may repeat the address.
        if (error.Permanent || claimed.Attempts >= _settings.MaxAttempts)
        {
            await queue.FailedAsync(claimed, error.Code);
            LogFailed(claimed.Id, claimed.Attempts, error.Code);
        }
        else
        {
            await queue.RetryLaterAsync(claimed, error);
            LogWillRetry(claimed.Id, claimed.Attempts, error.Code, exception);
        }
    }

    [LoggerMessage(LogLevel.Debug, "Notification {Id} was delivered at attempt {Attempts}.")]
    private partial void LogDelivered(Guid id, int attempts);

    [LoggerMessage(LogLevel.Debug, "Notification {Id} has no contact to be sent to; it is kept until there is one.")]
    private partial void LogNoContact(Guid id);

    [LoggerMessage(LogLevel.Warning, "Notification {Id} failed at attempt {Attempts} with {Error} ({Exception}) and will be tried again.")]
    private partial void LogWillRetry(Guid id, int attempts, string error, string exception);

    [LoggerMessage(LogLevel.Error, "Notification {Id} failed for good after {Attempts} attempts with {Error}; it is kept and can be sent again.")]
    private partial void LogFailed(Guid id, int attempts, string error);

    [LoggerMessage(LogLevel.Warning, "Notification {Id} was delivered after its lease had run out: it may be delivered twice.")]
    private partial void LogLeaseLost(Guid id);

    [LoggerMessage(LogLevel.Warning, "Notification {Id} was given back: so much time passed since it was claimed that its lease could run out.")]
    private partial void LogStalled(Guid id);

    [LoggerMessage(LogLevel.Warning, "The outcome of notification {Id} could not be stored; its lease will run out: {Reason}")]
    private partial void LogCannotSettle(Guid id, string reason);

    [LoggerMessage(LogLevel.Warning, "Notifications cannot be claimed at the moment: {Reason}")]
    private partial void LogCannotClaim(string reason);
}
