using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.EntityFrameworkCore;

namespace Shop.Benchmarks.Model;

/// <summary>Notes when the effects of an event were committed.</summary>
internal sealed class CommitClock : CommitInterceptor
{
    public static readonly CommitClock Instance = new();

    private static readonly ConcurrentDictionary<Guid, long> s_sent = new();
    private static readonly ConcurrentDictionary<Guid, long> s_committed = new();

    public static int Count => s_committed.Count;

    public static ICollection<Guid> SentIds => s_sent.Keys;

    /// <summary>The event's cause was committed at this <see cref="Stopwatch"/> time.</summary>
    public static void Sent(Guid eventId, long at) => s_sent[eventId] = at;

    public static void Committed(Guid eventId) => s_committed.TryAdd(eventId, Stopwatch.GetTimestamp());

    /// <summary>The milliseconds between the two, of every event since the last restart.</summary>
    public static double[] Milliseconds() =>
        [.. s_sent.Select(sent => Stopwatch.GetElapsedTime(sent.Value, s_committed[sent.Key]).TotalMilliseconds)];

    /// <summary>Forgets all events, also those of other scenarios, which consume without asking for times.</summary>
    public static void Restart()
    {
        s_sent.Clear();
        s_committed.Clear();
    }

    protected override void Note(DbContext? context)
    {
        if (context is BenchDbContext { Consuming: { Count: > 0 } events })
        {
            events.ForEach(Committed);
            events.Clear();
        }
    }
}
