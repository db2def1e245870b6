using System.Diagnostics;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;
using Shop.ServiceDefaults.Messaging.Outbox;
using Shop.ServiceDefaults.Messaging.Wire;

namespace Shop.ServiceDefaults.Messaging.Broker;

/// <summary>
/// Sends stored events over a connection of its own, mandatory and confirmed. Streams are pipelined; within a stream each
/// event waits for the confirm of the one before, so that a refused one is never overtaken.
/// </summary>
internal sealed partial class BrokerPublisher(MessagingSettings settings, ILogger<BrokerPublisher> logger)
    : IEventPublisher, IAsyncDisposable
{
    private IConnection? _connection;
    private IChannel? _channel;

    public async Task ConnectAsync(CancellationToken ct)
    {
        if (_connection is not { IsOpen: true })
        {
            await CloseAsync();
            var factory = new ConnectionFactory
            {
                Uri = settings.Broker,
                ClientProvidedName = settings.Service + " relay",
                AutomaticRecoveryEnabled = false, // the relay's own loop reconnects, and must know when it has to
                TopologyRecoveryEnabled = false,
                RequestedHeartbeat = TimeSpan.FromSeconds(10),
                ContinuationTimeout = TimeSpan.FromSeconds(10),
            };
            _connection = await factory.CreateConnectionAsync(ct);
        }

        await ChannelAsync(ct);
    }

    public async Task<PublishReport> PublishAsync(IReadOnlyList<OutboxRow> rows, CancellationToken ct)
    {
        var report = new PublishReport();
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(ct);
        bounded.CancelAfter(settings.ConfirmTimeout);
        var channel = await ChannelAsync(bounded.Token);
        await Task.WhenAll(rows.GroupBy(row => row.Stream)
            .Select(stream => SendStreamAsync(channel, stream, report, bounded.Token)));

        if (!channel.IsOpen && _connection is { IsOpen: true })
        {
            // One message made the broker close the channel under all the others: find it by sending them one by one.
            await SendOneByOneAsync(rows, report, bounded.Token);
        }

        if (bounded.IsCancellationRequested)
        {
            await CloseAsync(); // confirms that come after the time are of no use and would be taken for others'
        }

        return report;
    }

    public async ValueTask DisposeAsync() => await CloseAsync();

    private static async Task SendStreamAsync(
        IChannel channel, IEnumerable<OutboxRow> stream, PublishReport report, CancellationToken ct)
    {
        foreach (var row in stream)
        {
            if (!await TrySendAsync(channel, row, report, ct))
            {
                return;
            }
        }
    }

    private async Task SendOneByOneAsync(IReadOnlyList<OutboxRow> rows, PublishReport report, CancellationToken ct)
    {
        HashSet<string> blocked = [.. rows.Where(row => report.Refused.ContainsKey(row.Seq)).Select(row => row.Stream)];
        foreach (var row in rows.Where(row => !report.Confirmed.Contains(row.Seq)))
        {
            if (blocked.Contains(row.Stream))
            {
                continue;
            }

            if (_connection is not { IsOpen: true } || ct.IsCancellationRequested)
            {
                return;
            }

            var channel = await ChannelAsync(ct);
            if (await TrySendAsync(channel, row, report, ct))
            {
                continue;
            }

            blocked.Add(row.Stream);
            if (!channel.IsOpen && _connection.IsOpen && channel.CloseReason is { Initiator: ShutdownInitiator.Peer } reason)
            {
                lock (report)
                {
                    report.Refused[row.Seq] = $"the broker closed the channel: {reason.ReplyCode} {reason.ReplyText}";
                }
            }
        }
    }

    private static async Task<bool> TrySendAsync(IChannel channel, OutboxRow row, PublishReport report, CancellationToken ct)
    {
        if (!TryReadHeaders(row, out var headers))
        {
            lock (report)
            {
                report.Refused[row.Seq] = "its headers are no JSON object of strings";
            }

            return false;
        }

        using var activity = StartPublish(row, headers);
        try
        {
            await channel.BasicPublishAsync(row.Type, "", mandatory: true, Properties(row, headers, activity), row.Body, ct);
            lock (report)
            {
                report.Confirmed.Add(row.Seq);
            }

            return true;
        }
        catch (PublishException e)
        {
            lock (report)
            {
                report.Refused[row.Seq] = e.IsReturn ? "no queue is bound for it (returned)" : "the broker did not take it (nack)";
            }

            activity?.SetStatus(ActivityStatusCode.Error, "refused");
            return false;
        }
        catch (Exception e) when (e is RabbitMQClientException or OperationCanceledException or ObjectDisposedException or IOException)
        {
            activity?.SetStatus(ActivityStatusCode.Error, e.Message);
            return false;
        }
    }

    private static bool TryReadHeaders(OutboxRow row, out Dictionary<string, object?> headers)
    {
        try
        {
            headers = (JsonSerializer.Deserialize<Dictionary<string, string>>(row.Headers) ?? [])
                .ToDictionary(header => header.Key, header => (object?)header.Value);
            return true;
        }
        catch (JsonException)
        {
            headers = [];
            return false;
        }
    }

    private static Activity? StartPublish(OutboxRow row, Dictionary<string, object?> headers)
    {
        ActivityContext.TryParse(headers.GetValueOrDefault(MessageHeaderNames.TraceParent) as string,
            headers.GetValueOrDefault(MessageHeaderNames.TraceState) as string, isRemote: true, out var parent);
        var activity = MessagingTelemetry.Activities.StartActivity($"publish {row.Type}", ActivityKind.Producer, parent);
        activity?.SetTag("messaging.system", "rabbitmq");
        activity?.SetTag("messaging.destination.name", row.Type);
        activity?.SetTag("messaging.message.id", row.EventId);
        return activity;
    }

    private static BasicProperties Properties(OutboxRow row, Dictionary<string, object?> headers, Activity? activity)
    {
        if ((activity?.Id ?? headers.GetValueOrDefault(MessageHeaderNames.TraceParent)) is { } traceParent)
        {
            headers[MessageHeaderNames.TraceParent] = traceParent;
            headers[MessageHeaderNames.MassTransitActivityId] = traceParent;
        }

        return new BasicProperties
        {
            ContentType = Envelope.ContentType,
            DeliveryMode = DeliveryModes.Persistent,
            MessageId = row.EventId.ToString(),
            Type = row.Type,
            Headers = headers,
        };
    }

    private async Task<IChannel> ChannelAsync(CancellationToken ct)
    {
        if (_channel is { IsOpen: true })
        {
            return _channel;
        }

        if (_channel is not null)
        {
            await _channel.DisposeAsync();
        }

        _channel = await _connection!.CreateChannelAsync(
            new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true,
                outstandingPublisherConfirmationsRateLimiter: null), ct);
        return _channel;
    }

    private async Task CloseAsync()
    {
        var connection = _connection;
        (_connection, _channel) = (null, null);
        if (connection is null)
        {
            return;
        }

        try
        {
            await connection.AbortAsync();
            await connection.DisposeAsync();
        }
        catch (Exception e) when (e is RabbitMQClientException or IOException or ObjectDisposedException or OperationCanceledException)
        {
            LogCloseFailed(e.Message);
        }
    }

    [LoggerMessage(LogLevel.Debug, "Closing the relay's broker connection failed, which changes nothing: {Reason}")]
    private partial void LogCloseFailed(string reason);
}
