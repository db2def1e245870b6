using Npgsql;

namespace Shop.Analytics.Tests;

/// <summary>
/// A rebuild that stands still before its end, as it does for an event that the version before it logged and that nobody has
/// applied yet: one is noted and held, so that nobody can.
/// </summary>
internal sealed class HeldRebuild : IAsyncDisposable
{
    private readonly AnalyticsFixture _analytics;
    private readonly NpgsqlConnection _connection;
    private readonly Guid _eventId = Guid.CreateVersion7();

    private HeldRebuild(AnalyticsFixture analytics)
    {
        _analytics = analytics;
        _connection = new NpgsqlConnection(analytics.Database.ConnectionString + ";Pooling=false"); // it may be broken off
    }

    /// <summary>Where its progress can be read.</summary>
    public string Address { get; private set; } = "";

    public static async Task<HeldRebuild> StartAsync(AnalyticsFixture analytics, string projection)
    {
        var held = new HeldRebuild(analytics);
        await held._connection.OpenAsync();
        while (!await held.TryHoldAsync())
        {
            // The service was quicker, and took the note.
        }

        held.Address = await analytics.StartRebuildAsync(projection);
        return held;
    }

    /// <summary>Lets it go on.</summary>
    public async Task ReleaseAsync()
    {
        await _connection.DisposeAsync();
        await _analytics.Database.ExecuteAsync($"DELETE FROM unprojected_events WHERE event_id = '{_eventId}'");
    }

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private async Task<bool> TryHoldAsync()
    {
        await _analytics.Database.ExecuteAsync($"INSERT INTO unprojected_events VALUES ('{_eventId}', '2026-01-01')");
        var transaction = await _connection.BeginTransactionAsync();
        await using var hold = new NpgsqlCommand(
            $"SELECT 1 FROM unprojected_events WHERE event_id = '{_eventId}' FOR UPDATE", _connection, transaction);
        if (await hold.ExecuteScalarAsync() is not null)
        {
            return true; // the transaction ends with the connection
        }

        await transaction.DisposeAsync();
        return false;
    }
}
