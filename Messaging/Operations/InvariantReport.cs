using System.Buffers.Binary;
using System.Globalization;
using Npgsql;
using Shop.Messaging.Outbox;
using Shop.Messaging.RabbitMq;

namespace Shop.Messaging.Operations;

/// <summary>Up to when all events of a service are settled, and how many its consumers handled.</summary>
/// <param name="SettledUpTo">No event that the service published or received before this time is still on its way.</param>
/// <param name="Because">What is still on its way, or stands still; empty if nothing is.</param>
/// <param name="Handled">Per queue: distinct events, recorded within the window, whose effects are committed.</param>
public sealed record SettledView(DateTimeOffset SettledUpTo, IReadOnlyList<string> Because, IReadOnlyDictionary<string, long> Handled);

/// <summary>Judges what has settled, so that what is younger does not count as lost.</summary>
public interface IInvariantReport
{
    /// <summary>Reads it, for a window of the times at which events were recorded.</summary>
    Task<SettledView> ReadAsync(DateTimeOffset from, DateTimeOffset until, CancellationToken ct);
}

/// <summary>Event ids as times: the first 48 bits of a UUIDv7 are its milliseconds.</summary>
public static class EventIds
{
    /// <summary>The least id of a time: for a range of ids.</summary>
    public static Guid FirstOf(DateTimeOffset time)
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteInt64BigEndian(bytes, Math.Max(0, time.ToUnixTimeMilliseconds()) << 16);
        return new Guid(bytes, bigEndian: true);
    }

    /// <summary>When an event was recorded; null where its id does not say.</summary>
    public static DateTimeOffset? TimeOf(Guid eventId) => eventId.Version == 7 ? OutboxMessage.CreatedAt(eventId) : null;
}

/// <inheritdoc />
internal sealed class InvariantReport(
    MessagingSettings settings, BrokerTopology topology, IOperationsReport overview, IDeadLetterQueues letters) : IInvariantReport
{
    /// <summary>For what another instance has received and not settled, and for streams that are published side by side.</summary>
    private static readonly TimeSpan s_margin = TimeSpan.FromSeconds(5);

    private const int MostLetters = 1_000;

    private const string Handled = """
        SELECT consumer, count(*) FROM inbox WHERE event_id >= $1 AND event_id < $2 GROUP BY consumer
        """;

    private const string OldestParked = "SELECT event_id FROM outbox_parked ORDER BY event_id LIMIT 1";

    public async Task<SettledView> ReadAsync(DateTimeOffset from, DateTimeOffset until, CancellationToken ct)
    {
        var view = await overview.ReadAsync(ct);
        var unsettled = new Unsettled(view.ReadAt - s_margin);
        await using var connection = new NpgsqlConnection(settings.Database);
        await connection.OpenAsync(ct);
        AddOutbox(view, await OldestParkedAsync(connection, ct), unsettled);
        AddQueues(view, unsettled);
        await AddDeadLettersAsync(view, unsettled, ct);
        return new SettledView(unsettled.UpTo, unsettled.Because, await HandledAsync(connection, from, until, ct));
    }

    private static void AddOutbox(OperationsView view, DateTimeOffset? oldestParked, Unsettled unsettled)
    {
        if (view.Outbox is { Waiting: > 0 } outbox)
        {
            unsettled.Add(outbox.Oldest, $"{Count(outbox.Waiting, "event")} in the outbox");
        }

        if (view.Outbox is { Parked: > 0 } parked)
        {
            unsettled.Add(oldestParked, $"{Count(parked.Parked, "event")} parked");
        }
    }

    private void AddQueues(OperationsView view, Unsettled unsettled)
    {
        foreach (var queue in view.Queues.Where(queue => queue is { Ready: null } or { Ready: > 0 } or { Processing: > 0 }))
        {
            unsettled.Add((queue.SettledUpTo ?? view.StartedAt) - s_margin, queue.Ready is { } ready
                ? $"{queue.Queue} has {Count(ready + queue.Processing, "message")}"
                : $"{queue.Queue} is unknown: {view.BrokerError ?? "the broker has no such queue"}");
        }

        if (view.Retrying > 0)
        {
            var longest = topology.RetryDelays.Aggregate(TimeSpan.FromMinutes(1), (sum, delay) => sum + delay);
            unsettled.Add(view.ReadAt - longest, $"{Count(view.Retrying.Value, "message")} waiting for a retry");
        }
    }

    private async Task AddDeadLettersAsync(OperationsView view, Unsettled unsettled, CancellationToken ct)
    {
        foreach (var queue in view.Queues.Where(queue => queue.DeadLetters > 0))
        {
            var dead = await letters.ListAsync(queue.Queue, MostLetters, ct);
            var oldest = dead.Select(letter => Guid.TryParse(letter.Id, out var id) ? EventIds.TimeOf(id) : letter.FirstDeath).Min();
            unsettled.Add(oldest, $"{queue.Queue} has {Count(queue.DeadLetters!.Value, "dead letter")}");
        }
    }

    private static async Task<DateTimeOffset?> OldestParkedAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(OldestParked, connection);
        return await command.ExecuteScalarAsync(ct) is Guid id ? EventIds.TimeOf(id) : null;
    }

    private static async Task<IReadOnlyDictionary<string, long>> HandledAsync(
        NpgsqlConnection connection, DateTimeOffset from, DateTimeOffset until, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(Handled, connection)
        {
            Parameters = { new() { Value = EventIds.FirstOf(from) }, new() { Value = EventIds.FirstOf(until) } },
        };
        Dictionary<string, long> handled = [];
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            handled[reader.GetString(0)] = reader.GetInt64(1);
        }

        return handled;
    }

    private static string Count(long count, string what) => string.Create(CultureInfo.InvariantCulture, $"{count:N0} {what}{(count == 1 ? "" : "s")}");

    private sealed class Unsettled(DateTimeOffset now)
    {
        private readonly List<string> _because = [];

        public DateTimeOffset UpTo { get; private set; } = now;

        public IReadOnlyList<string> Because => _because;

        public void Add(DateTimeOffset? oldest, string what)
        {
            _because.Add(what);
            if (oldest < UpTo)
            {
                UpTo = oldest.Value;
            }
        }
    }
}
