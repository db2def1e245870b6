using Microsoft.EntityFrameworkCore;
using Npgsql;
using Shop.Analytics.Features.Projections;
using Shop.Analytics.Persistence;
using Shop.Contracts;
using Shop.Messaging;
using Shop.Messaging.Consuming.Batches;

namespace Shop.Analytics.Features.EventLog;

/// <summary>
/// Appends every event to the log and to the projections, in the inbox's transaction. In batches: rows shared by all
/// events of a day are updated once per batch.
/// </summary>
internal sealed class EventLogConsumer(AnalyticsDbContext db, ProjectionCatalog projections, TimeProvider clock) : IBulkConsumer<IIntegrationEvent>
{
    // Separate statements, because each sees what was committed before it: epoch and rebuilds must be read after the lock is
    // taken. From there to the commit no rebuild starts or ends. Ordered by key, against deadlocks.
    private const string Lock = "SELECT share_projections()";

    private const string Log = """
        INSERT INTO event_log (event_id, occurred_at, type, aggregate_id, aggregate_version, body, received_at, epoch, trace_id)
        SELECT received.id, received.occurred, received.name, received.aggregate, received.version, received.body::jsonb, $7, state.epoch, received.trace
        FROM unnest($1, $2, $3, $4, $5, $6, $8) AS received (id, occurred, name, aggregate, version, body, trace), event_log_state AS state
        ORDER BY received.id, received.occurred
        ON CONFLICT DO NOTHING RETURNING event_id
        """;

    private const string Building = "SELECT ARRAY(SELECT projection FROM projection_rebuilds WHERE state = 'running')";

    public async Task ConsumeAsync(IReadOnlyList<ReceivedEvent<IIntegrationEvent>> events, CancellationToken ct)
    {
        foreach (var received in events)
        {
            Amounts.Check(received.Event);
        }

        var (isNew, building) = await LogAsync(events, ct);

        // A duplicate whose inbox row was already removed is detected by the log's key.
        List<IIntegrationEvent> logged = [.. events.Select(received => received.Event).Where(@event => isNew.Contains(@event.EventId))];
        if (logged.Count > 0)
        {
            await db.ApplyAsync(projections, logged, building, ct);
        }
    }

    /// <summary>Adds events to the log. Returns which of them were added, and which projections are being rebuilt.</summary>
    private async Task<(HashSet<Guid> Added, string[] Building)> LogAsync(
        IReadOnlyList<ReceivedEvent<IIntegrationEvent>> events, CancellationToken ct)
    {
        await using var batch = ((NpgsqlConnection)db.Database.GetDbConnection()).CreateBatch();
        batch.BatchCommands.Add(new NpgsqlBatchCommand(Lock));
        batch.BatchCommands.Add(new NpgsqlBatchCommand(Log)
        {
            Parameters =
            {
                Column(events, received => received.Event.EventId),
                Column(events, received => received.Event.OccurredAt.ToUniversalTime()),
                Column(events, received => ShopEvents.Catalog.NameOf(received.Event.GetType())),
                Column(events, received => received.Event.AggregateId),
                Column(events, received => received.Event.AggregateVersion),
                Column(events, received => received.Body.GetRawText()),
                new NpgsqlParameter<DateTimeOffset> { TypedValue = clock.GetUtcNow() },
                Column(events, received => received.TraceId is { } trace ? Guid.ParseExact(trace.ToHexString(), "N") : (Guid?)null),
            },
        });
        batch.BatchCommands.Add(new NpgsqlBatchCommand(Building));

        HashSet<Guid> isNew = new(events.Count);
        await using var reader = await batch.ExecuteReaderAsync(ct);
        await reader.NextResultAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            isNew.Add(reader.GetGuid(0));
        }

        await reader.NextResultAsync(ct);
        await reader.ReadAsync(ct);
        return (isNew, reader.GetFieldValue<string[]>(0));
    }

    private static NpgsqlParameter<T[]> Column<T>(
        IEnumerable<ReceivedEvent<IIntegrationEvent>> events, Func<ReceivedEvent<IIntegrationEvent>, T> column) =>
        new() { TypedValue = [.. events.Select(column)] };
}
