namespace Shop.Notification.Features.Deliver;

/// <summary>
/// Delivers one notification, with a few quick retries. What it throws is the attempt's outcome; where it throws
/// <see cref="Polly.CircuitBreaker.BrokenCircuitException"/> or <see cref="Polly.RateLimiting.RateLimiterRejectedException"/>, nothing was sent.
/// </summary>
internal interface INotificationSender
{
    /// <summary>One of <see cref="Channels"/>.</summary>
    string Channel { get; }

    Task SendAsync(Notification notification, Contact contact, CancellationToken ct);
}
