using Npgsql;
using Shop.Messaging.Consuming;
using Shop.Messaging.Relay;

namespace Shop.Messaging.Operations;

/// <summary>What a service knows of some events.</summary>
/// <param name="Service">The service.</param>
/// <param name="Waiting">In the outbox now. With log tailing an event that waits is in the log, and not here.</param>
/// <param name="Parked">Those that could not be published, and those behind them; without their body.</param>
/// <param name="Published">Published and confirmed: as far as the answering instance remembers, the last thousand.</param>
/// <param name="Handled">Handled by this service's consumers: while the inbox keeps its rows.</param>
/// <param name="Duplicates">Absorbed by the inbox: as far as the answering instance remembers, the last thousand.</param>
/// <param name="DeadLetters">Dead letters of this service's consumers; null where the broker is unreachable.</param>
/// <param name="Retrying">Messages of any event that wait for a delayed retry; null where the broker is unreachable.</param>
/// <param name="Discarded">What persons discarded and nobody handled: kept for 90 days.</param>
/// <param name="LogBytes">With log tailing: unconfirmed bytes of log, in which events may wait; null without.</param>
public sealed record JourneyView(
    string Service, IReadOnlyList<WaitingEvent> Waiting, IReadOnlyList<ParkedEvent> Parked, IReadOnlyList<PublishedEvent> Published,
    IReadOnlyList<HandledEvent> Handled, IReadOnlyList<AbsorbedDuplicate> Duplicates, IReadOnlyList<DeadLetter>? DeadLetters, long? Retrying,
    IReadOnlyList<DiscardedEvent> Discarded, long? LogBytes);

/// <summary>A parked event, or a dead letter, that a person discarded: it is never handled.</summary>
/// <param name="Id">The event's id, or the message's, where it has none.</param>
/// <param name="Type">The wire name, where it is known.</param>
/// <param name="Queue">The queue of the dead letter; null for a parked event of the outbox.</param>
/// <param name="At">When.</param>
/// <param name="By">Who: the token's subject.</param>
/// <param name="Reason">Why.</param>
public sealed record DiscardedEvent(string Id, string? Type, string? Queue, DateTimeOffset At, string By, string Reason);

/// <summary>An event that is ready to publish.</summary>
public sealed record WaitingEvent(Guid EventId, string Type, string Stream, DateTimeOffset? RecordedAt);

/// <summary>An event whose effects a consumer has committed.</summary>
/// <param name="EventId">The event.</param>
/// <param name="Queue">The consumer's queue.</param>
/// <param name="PublishedAt">When the relay published it.</param>
/// <param name="ReceivedAt">When the delivery that succeeded was received.</param>
/// <param name="HandledAt">When its effects were written.</param>
/// <param name="Attempts">How many attempts that delivery took.</param>
/// <param name="Retries">How many delayed retries came before it.</param>
public sealed record HandledEvent(
    Guid EventId, string Queue, DateTimeOffset? PublishedAt, DateTimeOffset? ReceivedAt, DateTimeOffset HandledAt, int? Attempts, int? Retries);

/// <summary>Finds what this service's tables, dead letters and memory know of some events.</summary>
public interface IJourneyReport
{
    /// <summary>Events by their ids, and those of one stream: an order's id, for example.</summary>
    Task<JourneyView> ReadAsync(IReadOnlyCollection<Guid> events, string? stream, CancellationToken ct);
}

/// <inheritdoc />
internal sealed class JourneyReport(
    MessagingSettings settings, ParkedEvents parked, ConsumerActivity consumers, IOperationsReport overview, IDeadLetterQueues letters,
    RecentlyPublished? published = null, ILogBacklog? log = null) : IJourneyReport
{
    private const int Most = 200;
    private const int MostLetters = 1_000;

    private const string Handled = """
        SELECT event_id, consumer, published_at, received_at, processed_at, attempts, retries FROM inbox WHERE event_id = ANY ($1)
        ORDER BY processed_at LIMIT 500
        """;

    private const string Waiting = """
        SELECT event_id, type, stream FROM (SELECT seq, event_id, type, stream FROM outbox ORDER BY seq LIMIT 10000) AS waiting
        WHERE event_id = ANY ($1) OR stream = $2 ORDER BY seq LIMIT 200
        """;

    public async Task<JourneyView> ReadAsync(IReadOnlyCollection<Guid> events, string? stream, CancellationToken ct)
    {
        HashSet<Guid> ids = [.. events];
        var view = await overview.ReadAsync(ct);
        await using var connection = new NpgsqlConnection(settings.Database);
        await connection.OpenAsync(ct);
        var stuck = stream is null ? [] : await parked.ListAsync(stream, Most, ct);
        if (ids.Count > 0 && stuck.Count == 0)
        {
            stuck = await parked.ListAsync(stream: null, Most, ct, [.. ids]);
        }

        var handled = await HandledAsync(connection, ids, ct);
        var dead = view.BrokerError is null ? await DeadLettersAsync(view, ids, stream, ct) : null;
        return new JourneyView(
            settings.Service,
            await WaitingAsync(connection, ids, stream, ct),
            [.. stuck.Select(one => one with { Body = "" })],
            published?.Find(ids, stream) ?? [],
            handled,
            consumers.DuplicatesOf(ids),
            dead,
            view.Retrying,
            Final(await AuditTrail.DiscardedAsync(connection, ids, stream, ct), handled, dead ?? []),
            log?.Bytes);
    }

    /// <summary>A discard that a crash interrupted has left its message, which may have been handled since then.</summary>
    private static IReadOnlyList<DiscardedEvent> Final(
        IReadOnlyList<DiscardedEvent> discarded, IReadOnlyList<HandledEvent> handled, IReadOnlyList<DeadLetter> dead) =>
        [.. discarded.Where(one => !dead.Any(letter => (letter.Queue, letter.Id) == (one.Queue, one.Id))
            && !handled.Any(done => done.Queue == one.Queue && Guid.TryParse(one.Id, out var id) && done.EventId == id))
            .GroupBy(one => (one.Queue, one.Id, one.Type)).Select(same => same.Last())];

    /// <summary>Reads only the queues that have dead letters.</summary>
    private async Task<IReadOnlyList<DeadLetter>> DeadLettersAsync(OperationsView view, HashSet<Guid> ids, string? stream, CancellationToken ct)
    {
        List<DeadLetter> found = [];
        foreach (var queue in view.Queues.Where(queue => queue.DeadLetters > 0))
        {
            found.AddRange((await letters.ListAsync(queue.Queue, MostLetters, ct)).Where(letter =>
                (stream is not null && letter.AggregateId == stream) || (Guid.TryParse(letter.Id, out var id) && ids.Contains(id))));
        }

        return found;
    }

    private static async Task<IReadOnlyList<WaitingEvent>> WaitingAsync(NpgsqlConnection connection, HashSet<Guid> ids, string? stream, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(Waiting, connection)
        {
            Parameters = { new() { Value = ids.ToArray() }, new NpgsqlParameter<string?> { TypedValue = stream } },
        };
        List<WaitingEvent> waiting = [];
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            var id = reader.GetGuid(0);
            waiting.Add(new WaitingEvent(id, reader.GetString(1), reader.GetString(2), id.Version == 7 ? Outbox.OutboxMessage.CreatedAt(id) : null));
        }

        return waiting;
    }

    private static async Task<IReadOnlyList<HandledEvent>> HandledAsync(NpgsqlConnection connection, HashSet<Guid> ids, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(Handled, connection) { Parameters = { new() { Value = ids.ToArray() } } };
        List<HandledEvent> handled = [];
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            handled.Add(new HandledEvent(
                reader.GetGuid(0), reader.GetString(1), reader.GetFieldValue<DateTimeOffset?>(2), reader.GetFieldValue<DateTimeOffset?>(3),
                reader.GetFieldValue<DateTimeOffset>(4), reader.GetFieldValue<short?>(5), reader.GetFieldValue<short?>(6)));
        }

        return handled;
    }
}
