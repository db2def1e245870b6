using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Shop.Messaging.Consuming;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Relay;
using Shop.Messaging.Telemetry;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Operations;

/// <summary>How often an event type went through in the last 24 hours.</summary>
/// <param name="Type">The wire name, with its version.</param>
/// <param name="Queue">The consumer's queue; null for a published event.</param>
/// <param name="Count">How many messages. A redelivery counts again.</param>
/// <param name="Last">When the last one did, to 15 seconds; null where none did.</param>
/// <param name="Retired">Whether the version is no longer published, by configuration.</param>
public sealed record SeenEvent(string Type, string? Queue, long Count, DateTimeOffset? Last, bool Retired);

/// <summary>The events that a service publishes and consumes, with how often in the last 24 hours.</summary>
/// <param name="Service">The service.</param>
/// <param name="Since">Counted from here on: 24 hours ago, by whole hours; or when counting began, if that is later.</param>
/// <param name="Publishes">All that its code may publish, also those that it did not.</param>
/// <param name="Consumes">All that its queues are bound to, and others that were received.</param>
/// <param name="DomainEvents">The domain events that have handlers.</param>
public sealed record SeenEvents(
    string Service, DateTimeOffset Since, IReadOnlyList<SeenEvent> Publishes, IReadOnlyList<SeenEvent> Consumes,
    IReadOnlyList<HandledDomainEvent> DomainEvents);

/// <summary>
/// Counts events by type and hour. The counts are added in memory, and written every 15 seconds: nothing in the flow of events waits for it. A crash
/// loses the last 15 seconds.
/// </summary>
public sealed partial class EventTraffic : BackgroundService
{
    /// <summary>How long hours are kept.</summary>
    internal static readonly TimeSpan Retention = TimeSpan.FromDays(8);

    private static readonly TimeSpan s_every = TimeSpan.FromSeconds(15);

    private readonly MessagingSettings _settings;
    private readonly BrokerTopology _topology;
    private readonly IReadOnlyList<EventCounts> _counts;
    private readonly IReadOnlyList<HandledDomainEvent> _domainEvents;
    private readonly TimeProvider _clock;
    private readonly ILogger<EventTraffic> _logger;

    internal EventTraffic(
        MessagingSettings settings, BrokerTopology topology, ConsumerActivity consumers, RecentlyPublished? published,
        IReadOnlyList<HandledDomainEvent> domainEvents, TimeProvider clock, ILogger<EventTraffic> logger) =>
        (_settings, _topology, _counts, _domainEvents, _clock, _logger) =
        (settings, topology, published is null ? [consumers.Traffic] : [consumers.Traffic, published.Traffic], domainEvents, clock, logger);

    /// <summary>Reads the last 24 hours.</summary>
    public async Task<SeenEvents> ReadAsync(CancellationToken ct)
    {
        await WriteAsync(ct);
        var from = _clock.GetUtcNow().AddHours(-24);
        await using var connection = new NpgsqlConnection(_settings.Database);
        await connection.OpenAsync(ct);
        await using var command = new NpgsqlCommand("""
            SELECT type, queue, sum(count)::bigint, max(last_at), (SELECT min(hour) FROM event_traffic) FROM event_traffic WHERE hour >= date_trunc('hour', $1) GROUP BY type, queue
            """, connection) { Parameters = { new() { Value = from } } };
        Dictionary<CountedEvent, (long Count, DateTimeOffset Last)> seen = [];
        var since = _clock.GetUtcNow();
        await using (var reader = await command.ExecuteReaderAsync(ct))
        {
            while (await reader.ReadAsync(ct))
            {
                seen[new CountedEvent(reader.GetString(0), reader.GetString(1))] = (reader.GetInt64(2), reader.GetFieldValue<DateTimeOffset>(3));
                since = reader.GetFieldValue<DateTimeOffset>(4);
            }
        }

        var published = _topology.Exchanges.Select(type => new CountedEvent(type, ""));
        var consumed = _topology.Queues.SelectMany(queue => queue.Events.Select(type => new CountedEvent(type, queue.Name)));
        return new SeenEvents(_settings.Service, since > from ? since : from,
            All(published, seen.Keys.Where(one => one.Queue.Length == 0), seen), All(consumed, seen.Keys.Where(one => one.Queue.Length > 0), seen), _domainEvents);
    }

    /// <inheritdoc />
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await TryWriteAsync(cancellationToken);
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(s_every, _clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await TryWriteAsync(stoppingToken);
        }
    }

    private List<SeenEvent> All(
        IEnumerable<CountedEvent> known, IEnumerable<CountedEvent> counted, Dictionary<CountedEvent, (long Count, DateTimeOffset Last)> seen) =>
        [.. known.Union(counted).OrderBy(one => one.Type, StringComparer.Ordinal).ThenBy(one => one.Queue, StringComparer.Ordinal).Select(one =>
        {
            var found = seen.TryGetValue(one, out var row);
            return new SeenEvent(Untrusted.Sanitize(one.Type), one.Queue.Length == 0 ? null : one.Queue, row.Count, found ? row.Last : null,
                _settings.RetiredVersions.Contains(one.Type));
        })];

    private async Task TryWriteAsync(CancellationToken ct)
    {
        try
        {
            await WriteAsync(ct);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or OperationCanceledException)
        {
            LogFailed(e.Message);
        }
    }

    private async Task WriteAsync(CancellationToken ct)
    {
        foreach (var counts in _counts)
        {
            var taken = counts.Take();
            try
            {
                await WriteAsync(taken, ct);
            }
            catch
            {
                foreach (var (one, count) in taken)
                {
                    counts.Add(one.Type, one.Queue, count);
                }

                throw;
            }
        }
    }

    private async Task WriteAsync(IReadOnlyDictionary<CountedEvent, long> counts, CancellationToken ct)
    {
        if (counts.Count == 0)
        {
            return;
        }

        await using var connection = new NpgsqlConnection(_settings.Database);
        await connection.OpenAsync(ct);
        await using var command = new NpgsqlCommand("""
            INSERT INTO event_traffic (hour, type, queue, count, last_at)
            SELECT date_trunc('hour', $4::timestamptz), type, queue, count, $4 FROM unnest($1, $2, $3) AS e (type, queue, count) ORDER BY type, queue
            ON CONFLICT (hour, type, queue) DO UPDATE SET count = event_traffic.count + excluded.count, last_at = greatest(event_traffic.last_at, excluded.last_at)
            """, connection)
        {
            Parameters =
            {
                new NpgsqlParameter<string[]> { TypedValue = [.. counts.Keys.Select(one => one.Type)] },
                new NpgsqlParameter<string[]> { TypedValue = [.. counts.Keys.Select(one => one.Queue)] },
                new NpgsqlParameter<long[]> { TypedValue = [.. counts.Values] },
                new NpgsqlParameter<DateTimeOffset> { TypedValue = _clock.GetUtcNow() },
            },
        };
        await command.ExecuteNonQueryAsync(ct);
    }

    [LoggerMessage(LogLevel.Warning, "Counts of events could not be written; retried: {Reason}")]
    private partial void LogFailed(string reason);
}
