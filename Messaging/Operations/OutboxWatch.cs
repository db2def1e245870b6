using System.Diagnostics.Metrics;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Shop.Messaging.Outbox;
using Shop.Messaging.Telemetry;

namespace Shop.Messaging.Operations;

/// <summary>What waits in a service's outbox.</summary>
/// <param name="Length">Events that are ready, counted up to <see cref="MaxCount"/>.</param>
/// <param name="Oldest">When the first of them was recorded; null if none waits.</param>
/// <param name="Parked">Events that could not be published, and those that wait behind them.</param>
/// <param name="ParkedSince">Since when the longest parked one is parked; null if none is.</param>
internal sealed record OutboxBacklog(long Length, DateTimeOffset? Oldest, long Parked, DateTimeOffset? ParkedSince)
{
    public const int MaxCount = 100_000;

    // The rows have no timestamp: the first 48 bits of an event's id (UUIDv7) are its creation time in milliseconds.
    private const string Sql = """
        SELECT (SELECT count(*) FROM (SELECT FROM outbox LIMIT $1) AS waiting), (SELECT event_id FROM outbox ORDER BY seq LIMIT 1),
            count(*), min(parked_at) FROM outbox_parked
        """;

    public static async Task<OutboxBacklog> ReadAsync(string database, CancellationToken ct, int maxCount = MaxCount)
    {
        await using var connection = new NpgsqlConnection(database);
        await connection.OpenAsync(ct);
        return await ReadAsync(connection, ct, maxCount);
    }

    public static async Task<OutboxBacklog> ReadAsync(NpgsqlConnection connection, CancellationToken ct, int maxCount = MaxCount)
    {
        await using var command = new NpgsqlCommand(Sql, connection) { Parameters = { new() { Value = maxCount } } };
        await using var reader = await command.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        return new OutboxBacklog(
            reader.GetInt64(0),
            await reader.IsDBNullAsync(1, ct) ? null : OutboxMessage.CreatedAt(reader.GetGuid(1)),
            reader.GetInt64(2),
            await reader.IsDBNullAsync(3, ct) ? null : reader.GetFieldValue<DateTimeOffset>(3));
    }
}

/// <summary>
/// Reports the outbox backlog as metrics and as the health check <c>outbox</c>, which is degraded at most,
/// while an event has waited longer than <see cref="MessagingSettings.StuckAfter"/>. It runs without a relay too.
/// </summary>
internal sealed partial class OutboxWatch : BackgroundService, IHealthCheck
{
    private static readonly TimeSpan s_every = TimeSpan.FromSeconds(15);

    private readonly MessagingSettings _settings;
    private readonly TimeProvider _clock;
    private readonly ILogger<OutboxWatch> _logger;
    private readonly Meter _meter = new(MessagingTelemetry.Name);
    private volatile OutboxBacklog? _last;

    public OutboxWatch(MessagingSettings settings, TimeProvider clock, ILogger<OutboxWatch> logger)
    {
        (_settings, _clock, _logger) = (settings, clock, logger);
        _meter.CreateObservableGauge("shop.outbox.length", () => Measured(last => last.Length), "{event}",
            $"Events that wait for the relay, counted to {OutboxBacklog.MaxCount}.");
        _meter.CreateObservableGauge("shop.outbox.oldest_age", () => Measured(last => Age(last.Oldest).TotalSeconds), "s",
            "How long ago the first waiting event was recorded; 0 if none waits.");
        _meter.CreateObservableGauge("shop.outbox.parked", () => Measured(last => last.Parked), "{event}",
            "Events that could not be published, and those that wait behind them.");
        _meter.CreateObservableGauge("shop.outbox.parked_age", () => Measured(last => Age(last.ParkedSince).TotalSeconds), "s",
            "For how long the longest parked event is parked; 0 if none is.");
    }

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var now = await OutboxBacklog.ReadAsync(_settings.Database, cancellationToken);
        _last = now;
        var data = new Dictionary<string, object>
        {
            ["length"] = now.Length,
            ["oldestSeconds"] = Math.Round(Age(now.Oldest).TotalSeconds),
            ["parked"] = now.Parked,
            ["parkedSeconds"] = Math.Round(Age(now.ParkedSince).TotalSeconds),
        };
        var description = $"{now.Length} events wait, the oldest for {data["oldestSeconds"]} s; "
            + $"{now.Parked} are parked, the longest for {data["parkedSeconds"]} s.";
        return Age(now.Oldest) > _settings.StuckAfter || Age(now.ParkedSince) > _settings.StuckAfter
            ? HealthCheckResult.Degraded(description, data: data)
            : HealthCheckResult.Healthy(description, data);
    }

    public override void Dispose()
    {
        _meter.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                _last = await OutboxBacklog.ReadAsync(_settings.Database, stoppingToken);
            }
            catch (Exception e) when (e is NpgsqlException or TimeoutException or OperationCanceledException)
            {
                LogFailed(e.Message);
            }

            await Task.Delay(s_every, _clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private IEnumerable<Measurement<T>> Measured<T>(Func<OutboxBacklog, T> value)
        where T : struct => _last is { } last ? [new Measurement<T>(value(last), new KeyValuePair<string, object?>("service", _settings.Service))] : [];

    private TimeSpan Age(DateTimeOffset? since) => since is { } time ? _clock.GetUtcNow() - time : TimeSpan.Zero;

    [LoggerMessage(LogLevel.Debug, "Outbox backlog could not be read; retried: {Reason}")]
    private partial void LogFailed(string reason);
}
