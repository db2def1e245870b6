namespace Shop.Operations;

/// <summary>A service as it is now, by one of its instances. Null where the instance cannot know.</summary>
/// <param name="Outbox">Null where the database is unreachable.</param>
/// <param name="Relay">Null where this instance runs none.</param>
/// <param name="Duplicates">Redeliveries that the inbox has recognized, of this instance since its start.</param>
public sealed record ServiceOverview(
    string Service, string Instance, DateTimeOffset StartedAt, DateTimeOffset ReadAt, OutboxNow? Outbox, RelayNow? Relay,
    IReadOnlyList<QueueNow> Queues, long? Retrying, long? Discarded, long? Duplicates, ErrorNow? LastError, string? DatabaseError, string? BrokerError)
{
    /// <summary>Asks a service. One of a version that has no overview, as in a rolling upgrade, is asked for its parts.</summary>
    public static async Task<ServiceOverview> AskAsync(StaffApi service, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(service);
        return await service.FindAsync<ServiceOverview>("operations", ct) ?? await ComposeAsync(service, ct);
    }

    /// <summary>Whether all of it is known: not of a service of a version that has no overview.</summary>
    public bool IsWhole => ReadAt != default;

    /// <summary>Since when the oldest event or dead letter has been there that is known.</summary>
    public DateTimeOffset? Oldest => new[] { Outbox?.Oldest, Outbox?.ParkedSince }.Min();

    /// <summary>Of all its queues; null where one of them is unknown.</summary>
    public long? DeadLetters => Queues.Any(queue => queue.DeadLetters is null) ? null : Queues.Sum(queue => queue.DeadLetters!.Value);

    private static async Task<ServiceOverview> ComposeAsync(StaffApi service, CancellationToken ct)
    {
        var outbox = await service.OutboxAsync(ct);
        var letters = await service.DeadLettersAsync(queue: null, ct);
        var published = outbox.Published;
        return new ServiceOverview(service.Service, published?.Instance ?? "", published?.Since ?? default, default,
            new OutboxNow(outbox.Waiting, outbox.Oldest, outbox.Parked, outbox.Streams.Select(stream => (DateTimeOffset?)stream.Since).Min(), outbox.LogBytes),
            published is null ? null : new RelayNow("", published.Count, null, published.Last is [var newest, ..] ? newest.PublishedAt : null),
            [.. letters.GroupBy(letter => letter.Queue).Select(queue => new QueueNow(queue.Key, null, null, queue.Count(), 0, 0, 0, 0, 0, null, null, null))],
            null, null, null, null, null, null);
    }
}

/// <param name="Waiting">Events that are ready to publish; counted to 10,000.</param>
/// <param name="Oldest">Since when the oldest of them has been.</param>
/// <param name="Parked">Events that the broker refused, and those behind them.</param>
public sealed record OutboxNow(long Waiting, DateTimeOffset? Oldest, long Parked, DateTimeOffset? ParkedSince, long? LogBytes);

public sealed record RelayNow(string Kind, long Published, double? PerSecond, DateTimeOffset? LastPublishedAt);

/// <param name="Stalled">A sentence, where it makes no progress.</param>
public sealed record QueueNow(
    string Queue, long? Ready, int? Consumers, long? DeadLetters, long Processing, long Consumed, long Duplicates, long RetriedLater, long DeadLettered,
    DateTimeOffset? LastSettledAt, DateTimeOffset? SettledUpTo, string? Stalled);

/// <param name="Where">A queue, relay, broker or database.</param>
public sealed record ErrorNow(DateTimeOffset At, string Where, string Error);

/// <summary>Something that needs a person: what, what to do, and where to look.</summary>
public sealed record Trouble(string What, string ToDo, Place Where)
{
    /// <summary>For a terminal.</summary>
    public override string ToString() => $"{What}: {Where.Command}";
}

/// <summary>What of the shop needs a person.</summary>
public static class Troubles
{
    /// <summary>An event that has waited for longer is stuck: the relay publishes within milliseconds.</summary>
    public static readonly TimeSpan StuckAfter = TimeSpan.FromSeconds(60);

    /// <summary>The shop in one line.</summary>
    public static string Verdict(IReadOnlyList<Trouble> troubles) => troubles switch
    {
        [] => "All orders flow.",
        [var one] => one.What + ".",
        [var first, ..] => $"{first.What}, and {Words.Count(troubles.Count - 1, "other thing")} {(troubles.Count == 2 ? "needs" : "need")} a person.",
    };

    /// <summary>Of all services; the worst first.</summary>
    public static IReadOnlyList<Trouble> Of(IEnumerable<Answer<ServiceOverview>> services, DateTimeOffset now) =>
        [.. services.SelectMany(answer => answer.Value is { } service
            ? Of(service, now)
            : [(0, new Trouble($"{answer.Service} is unknown: {answer.Problem}", answer.IsRefused
                ? "It runs, and refuses to answer you: sign in again, or ask who administers the accounts for the scope ops:read." : "Start it again, or read its log.", new Place(PlaceKind.Log, answer.Service)))])
            .OrderBy(trouble => trouble.Rank).Select(trouble => trouble.Trouble)];

    private static IEnumerable<(int Rank, Trouble Trouble)> Of(ServiceOverview service, DateTimeOffset now) =>
        Servers(service).Concat(service.Queues.SelectMany(queue => Queue(service.Service, queue))).Concat(Outbox(service, now));

    private static IEnumerable<(int Rank, Trouble Trouble)> Servers(ServiceOverview service)
    {
        var status = new Place(PlaceKind.Status, service.Service);
        if (service.DatabaseError is { } database)
        {
            yield return (1, new Trouble($"{service.Service} cannot use its database: {database}", "Start the database, or check the connection.", status));
        }

        if (service.BrokerError is { } broker)
        {
            yield return (1, new Trouble($"{service.Service} cannot use the broker: {broker}", "Start the broker, or check the connection. Events wait in the outbox.", status));
        }
    }

    private static IEnumerable<(int Rank, Trouble Trouble)> Queue(string service, QueueNow queue)
    {
        if (queue.Consumers == 0)
        {
            yield return (2, new Trouble($"Nobody consumes {queue.Queue}{(queue.Ready > 0 ? $", where {Words.Count(queue.Ready.Value, "message")} wait" : "")}",
                $"Start {service} again: a new start registers its consumers, and what waits is consumed.", new Place(PlaceKind.Log, service)));
        }
        else if (queue.Stalled is { } stalled)
        {
            yield return (3, new Trouble($"{queue.Queue} makes no progress: {stalled}", $"Read the log of {service}, then start it again.", new Place(PlaceKind.Log, service)));
        }

        if (queue.DeadLetters > 0)
        {
            yield return (5, new Trouble($"{Words.Count(queue.DeadLetters.Value, "dead letter")} of {queue.Queue}",
                "Read why, mend the cause, send them again.", new Place(PlaceKind.DeadLetters, queue.Queue)));
        }
    }

    private static IEnumerable<(int Rank, Trouble Trouble)> Outbox(ServiceOverview service, DateTimeOffset now)
    {
        var outbox = new Place(PlaceKind.Outbox, service.Service);
        if (service.Outbox is { Oldest: { } oldest } && now - oldest > StuckAfter)
        {
            yield return (4, new Trouble($"The oldest event in {service.Service}'s outbox has waited for {Words.Age(now - oldest)}",
                "See whether its relay runs and the broker confirms: its memory, disk and alarms. What is unconfirmed is published again.", outbox));
        }

        if (service.Outbox is { Parked: > 0 and var parked })
        {
            yield return (4, new Trouble($"{Words.Count(parked, "parked event")} in {service.Service}'s outbox",
                "Read why the broker refused the first of each stream. It is retried automatically, after 5 minutes at the latest.", outbox));
        }
    }
}
