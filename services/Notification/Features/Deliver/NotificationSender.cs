namespace Shop.Notification.Features.Deliver;

/// <summary>
/// Hands one notification over, with a few quick retries. Whatever it throws in the end is this attempt's outcome; where it throws
/// <see cref="Polly.CircuitBreaker.BrokenCircuitException"/> or <see cref="Polly.RateLimiting.RateLimiterRejectedException"/>, nobody was asked.
/// </summary>
internal interface INotificationSender
{
    /// <summary>One of <see cref="Channels"/>.</summary>
    string Channel { get; }

    Task SendAsync(Notification notification, Contact contact, CancellationToken ct);
}
