using System.ComponentModel.DataAnnotations;

namespace Shop.Notification.Features.Deliver;

/// <summary>How notifications are delivered; the section <c>Delivery</c> of the configuration overrides the defaults.</summary>
internal sealed class DeliverySettings
{
    /// <summary>Deliveries that one instance has under way at once, for each channel.</summary>
    [Range(1, 100)]
    public int Concurrency { get; init; } = 8;

    /// <summary>How long the worker waits for a ring before it looks by itself.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "01:00:00")]
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// How long one conversation with the mail server may take. A server that takes a mail and is slow to say so gets it again
    /// after this, so it should be long.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:10:00")]
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long an attempt may take with all of its quick retries.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:20:00")]
    public TimeSpan TotalTimeout { get; init; } = TimeSpan.FromSeconds(75);

    /// <summary>How often a conversation that failed for the moment is tried again at once, within the same attempt.</summary>
    [Range(1, 10)]
    public int QuickRetries { get; init; } = 2;

    /// <summary>The delay before the first quick retry; it doubles, with jitter.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:01:00")]
    public TimeSpan QuickRetryDelay { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>After how many attempts a notification is given up.</summary>
    [Range(1, 100)]
    public int MaxAttempts { get; init; } = 8;

    /// <summary>The delay before the second attempt; it doubles each time, with jitter.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "1.00:00:00")]
    public TimeSpan FirstRetryDelay { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The longest delay between two attempts.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "1.00:00:00")]
    public TimeSpan MaxRetryDelay { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Conversations within 30 s of which half must fail before their provider is left alone for a while.</summary>
    [Range(2, 10_000)]
    public int BreakerThroughput { get; init; } = 10;

    /// <summary>How long the provider is then left alone.</summary>
    [Range(typeof(TimeSpan), "00:00:00.500", "01:00:00")]
    public TimeSpan BreakDuration { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>An attempt begins so soon after its claim or not at all: a stalled instance must not use up its lease waiting.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "00:01:00")]
    public TimeSpan StartWithin { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long a claimed notification is left to its instance: longer than an attempt can take that began in time, so that
    /// another instance takes it only from one that died.
    /// </summary>
    public TimeSpan Lease => StartWithin + TotalTimeout + TimeSpan.FromSeconds(10);
}
