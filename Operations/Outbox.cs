using System.Globalization;

namespace Shop.Operations;

/// <summary>A service's outbox as its staff API returns it.</summary>
/// <param name="Waiting">Events that are ready to publish.</param>
/// <param name="Oldest">Since when the oldest of them has been.</param>
/// <param name="LogBytes">With log tailing: how much of the log is not confirmed.</param>
/// <param name="Parked">Events that the broker refused, and those behind them.</param>
/// <param name="Streams">The parked streams.</param>
/// <param name="Published">What the answering instance has published; null where its relay is disabled.</param>
public sealed record OutboxView(
    long Waiting, DateTimeOffset? Oldest, long? LogBytes, long Parked, IReadOnlyList<ParkedView> Streams, PublishedView? Published)
{
    /// <summary>One line about it.</summary>
    public string Line(DateTimeOffset now) => string.Create(CultureInfo.InvariantCulture, $"{Waiting:N0} ready to publish")
        + (Oldest is { } oldest ? $", the oldest for {Words.Age(now - oldest)}" : "")
        + (LogBytes is { } bytes ? string.Create(CultureInfo.InvariantCulture, $"; {bytes / 1024:N0} KB of log to confirm") : "")
        + string.Create(CultureInfo.InvariantCulture, $"; {Parked:N0} parked")
        + (Published is { } published
            ? string.Create(CultureInfo.InvariantCulture, $"; {published.Count:N0} published by {published.Instance}, started {Words.Age(now - published.Since)} ago")
            : "; publishes nothing: its relay is disabled");
}

/// <summary>What one instance has published since its start.</summary>
public sealed record PublishedView(string Instance, DateTimeOffset Since, long Count, IReadOnlyList<PublishedEvent> Last);

/// <summary>An event that the broker has confirmed.</summary>
public sealed record PublishedEvent(Guid EventId, string Type, string Stream, DateTimeOffset? RecordedAt, DateTimeOffset PublishedAt)
{
    /// <summary>From its recording to the broker's confirm, in milliseconds.</summary>
    public double? Milliseconds => RecordedAt is { } recorded ? Math.Max(0, (PublishedAt - recorded).TotalMilliseconds) : null;
}

/// <summary>A stream whose first event the broker refused.</summary>
public sealed record ParkedView(
    string Stream, string Type, Guid EventId, long Events, DateTimeOffset Since, int Attempts, DateTimeOffset NextAttempt, string Error)
{
    /// <summary>What is parked: the event, and how many are behind it.</summary>
    public string What => Type + (Events > 1 ? $" and {Events - 1} behind it" : "");

    /// <summary>Since when, how often it was tried, and when it is tried next.</summary>
    public string When(DateTimeOffset now) => $"parked for {Words.Age(now - Since)}, tried {Attempts} times, "
        + (NextAttempt > now ? $"next in {Words.Age(NextAttempt - now)}" : "next now");
}
