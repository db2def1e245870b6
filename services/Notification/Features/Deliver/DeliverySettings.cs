using System.ComponentModel.DataAnnotations;

namespace Shop.Notification.Features.Deliver;

/// <summary>The settings of deliveries; the configuration section <c>Delivery</c> overrides the defaults.</summary>
internal sealed class DeliverySettings
{
    /// <summary>Concurrent deliveries of one instance per channel.</summary>
    [Range(1, 100)]
    public int Concurrency { get; init; } = 8;

    /// <summary>How long the worker waits for a signal before it polls.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "01:00:00")]
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// The timeout of one SMTP session. A server that accepts a mail and is slow to confirm it gets it again
    /// after this, so it should be long.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:10:00")]
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The timeout of an attempt with all of its quick retries.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:20:00")]
    public TimeSpan TotalTimeout { get; init; } = TimeSpan.FromSeconds(75);

    /// <summary>How often a transient failure is retried within the same attempt.</summary>
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

    /// <summary>The circuit breaker's minimum throughput: it opens when half of at least this many calls within 30 s fail.</summary>
    [Range(2, 10_000)]
    public int BreakerThroughput { get; init; } = 10;

    /// <summary>How long the circuit stays open.</summary>
    [Range(typeof(TimeSpan), "00:00:00.500", "01:00:00")]
    public TimeSpan BreakDuration { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>An attempt starts this soon after its claim or not at all: a stalled instance must not use up its lease.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "00:01:00")]
    public TimeSpan StartWithin { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// The lease of a claimed notification: longer than an attempt that started in time can take, so that
    /// another instance claims it only after a crash.
    /// </summary>
    public TimeSpan Lease => StartWithin + TotalTimeout + TimeSpan.FromSeconds(10);
}
