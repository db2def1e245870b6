using Ledger.Contracts.V1;
using Npgsql;
using RabbitMQ.Client;
using Shop.Messaging;

namespace Ledger;

/// <summary>
/// Publishes the events of the store in order, and then moves the position: from ready to published. A crash in between publishes some again,
/// with the same id, and the consumers' inboxes find the duplicates.
/// </summary>
/// <param name="database">Without pooling: a session that is closed has to be gone, and its lock with it.</param>
/// <param name="broker">The broker.</param>
/// <param name="log">Where failures go.</param>
internal sealed partial class Publisher(string database, Uri broker, ILogger<Publisher> log) : BackgroundService
{
    private static readonly TimeSpan s_poll = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_pauseAfterFailure = TimeSpan.FromSeconds(1);
    private static readonly string s_wireName = EventCatalog.Of(typeof(AmountPosted).Assembly).NameOf(typeof(AmountPosted));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await RunAsync(stoppingToken);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                LogFailed(e.Message);
                await Task.Delay(s_pauseAfterFailure, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task RunAsync(CancellationToken ct)
    {
        var factory = new ConnectionFactory { Uri = broker, AutomaticRecoveryEnabled = false };
        await using var connection = await factory.CreateConnectionAsync(ct);
        var confirmed = new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true);
        await using var channel = await connection.CreateChannelAsync(confirmed, ct);
        await channel.ExchangeDeclareAsync(s_wireName, ExchangeType.Fanout, durable: true, cancellationToken: ct);

        // One publisher at a time keeps the order. Lock and position have the same session: who loses one has lost both, and another takes over.
        await using var session = new NpgsqlConnection(database);
        await session.OpenAsync(ct);
        await using var @lock = new NpgsqlCommand("SELECT pg_advisory_lock(hashtext('publisher'))", session) { CommandTimeout = 0 };
        await @lock.ExecuteNonQueryAsync(ct);
        while (true)
        {
            if (!await PublishAsync(session, channel, ct))
            {
                await Task.Delay(s_poll, ct);
            }
        }
    }

    private static async Task<bool> PublishAsync(NpgsqlConnection session, IChannel channel, CancellationToken ct)
    {
        var ready = await Position.ReadyAsync(session, ct);
        foreach (var published in ready.Select(PublishedEvents.From).OfType<AmountPosted>())
        {
            var properties = new BasicProperties { MessageId = published.EventId.ToString(), ContentType = Message.ContentType, Persistent = true };

            // Returns after the broker's confirm; throws if no queue is bound, or the broker refuses it.
            await channel.BasicPublishAsync(s_wireName, "", mandatory: true, properties, Message.Of(published, s_wireName), ct);
        }

        if (ready.Count > 0)
        {
            await Position.MarkPublishedAsync(session, ready[^1], ct);
        }

        return ready.Count > 0;
    }

    [LoggerMessage(LogLevel.Warning, "Nothing is published until this works: {Reason}")]
    private partial void LogFailed(string reason);
}
