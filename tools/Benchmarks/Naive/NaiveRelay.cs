using System.Diagnostics;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using RabbitMQ.Client;
using Shop.Messaging.Wire;

namespace Shop.Benchmarks.Naive;

/// <summary>
/// The relay of the usual kind: per event a transaction that locks the oldest row, publishes, waits for the confirm, and deletes the
/// tracked row.
/// </summary>
internal sealed class NaiveRelay(DbContextOptions<NaiveDbContext> options, Uri broker) : IAsyncDisposable
{
    private IConnection? _connection;
    private IChannel? _channel;

    public async Task ConnectAsync(CancellationToken ct)
    {
        _connection = await new ConnectionFactory { Uri = broker }.CreateConnectionAsync(ct);
        _channel = await _connection.CreateChannelAsync(
            new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true), ct);
    }

    /// <summary>Relays until nothing is left or the time is over; how many.</summary>
    public async Task<int> DrainAsync(TimeSpan time, CancellationToken ct)
    {
        var begun = Stopwatch.GetTimestamp();
        var relayed = 0;
        while (Stopwatch.GetElapsedTime(begun) < time && await RelayOneAsync(ct))
        {
            relayed++;
        }

        return relayed;
    }

    /// <summary>Relays until it is cancelled, with a pause whenever there was nothing.</summary>
    public async Task PollAsync(TimeSpan pause, CancellationToken ct)
    {
        while (true)
        {
            if (!await RelayOneAsync(ct))
            {
                await Task.Delay(pause, ct);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_connection is not null)
        {
            await _connection.DisposeAsync();
        }
    }

    private async Task<bool> RelayOneAsync(CancellationToken ct)
    {
        await using var db = new NaiveDbContext(options);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var rows = await db.Outbox.FromSql(
            $"SELECT seq, event_id, type, headers, body FROM outbox ORDER BY seq LIMIT 1 FOR UPDATE SKIP LOCKED").ToListAsync(ct);
        if (rows is not [var row])
        {
            return false;
        }

        var properties = new BasicProperties
        {
            ContentType = Envelope.ContentType,
            DeliveryMode = DeliveryModes.Persistent,
            MessageId = row.EventId.ToString(),
            Type = row.Type,
            Headers = JsonSerializer.Deserialize<Dictionary<string, string>>(row.Headers)!
                .ToDictionary(header => header.Key, header => (object?)header.Value),
        };
        await _channel!.BasicPublishAsync(row.Type, "", mandatory: true, properties, row.Body, ct);
        db.Remove(row);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return true;
    }
}
