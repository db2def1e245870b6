using System.Diagnostics;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client;
using Shop.Messaging.Relay;
using Shop.Messaging.Telemetry;
using Shop.Messaging.Wire;

namespace Shop.Messaging.RabbitMq;

/// <summary>
/// Publishes stored events over its own connection, mandatory and confirmed. Streams are pipelined; within a stream each
/// event waits for the confirm of the previous one, so that a rejected one is never overtaken.
/// </summary>
internal sealed partial class BrokerPublisher(
    MessagingSettings settings, EventCatalog events, BrokerTopology topology, MessagingSpans spans, ILogger<BrokerPublisher> logger)
    : IEventPublisher, IAsyncDisposable
{
    private readonly PublishHeaders _headers = new(settings.SourcePrefix + settings.Service, events);
    private readonly BasicProperties _properties = new()
    {
        ContentType = Envelope.ContentType,
        DeliveryMode = DeliveryModes.Persistent,
    };

    private readonly BrokerLink _link = new(settings, logger);

    /// <summary>Whether the broker has blocked the connection.</summary>
    public bool IsBlocked => _link.IsBlocked;

    /// <summary>
    /// Connects unless a connection is open. Throws the client's exceptions when the broker is unreachable, and
    /// <see cref="IOException"/> where it has blocked the connection: nothing should be claimed then. A service that declares its topology
    /// does that first: its first events would find no exchange or no queue, and be parked.
    /// </summary>
    public async Task ConnectAsync(CancellationToken ct)
    {
        await topology.DeclarationAnswered.WaitAsync(ct);
        await _link.ConnectAsync(ct);
    }

    public async Task<PublishReport> PublishAsync(IReadOnlyList<OutboxRow> rows, CancellationToken ct)
    {
        var report = new PublishReport();
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(ct);
        bounded.CancelAfter(settings.ConfirmTimeout);
        try
        {
            if (!await SendAsync(rows, report, [], bounded.Token))
            {
                await SendWithoutCulpritsAsync(rows, report, bounded.Token);
            }
        }
        catch (Exception e) when (BrokerLink.IsBrokerFailure(e))
        {
            LogUnfinished(e.Message);
            _link.Abandon();
        }

        return report;
    }

    public ValueTask DisposeAsync() => _link.DisposeAsync();

    /// <summary>
    /// One message made the broker close the channel. The reason usually names the exchange; where it does
    /// not, publishing one by one finds the message.
    /// </summary>
    private async Task SendWithoutCulpritsAsync(IReadOnlyList<OutboxRow> rows, PublishReport report, CancellationToken ct)
    {
        Dictionary<string, string> refusedTypes = [];
        var left = Left(rows, report);
        while (_link.ClosedByBroker is { } reason)
        {
            var types = left.Select(row => row.Type).Distinct().Where(type => reason.Contains($"'{type}'", StringComparison.Ordinal)).ToList();
            if (types.Count == 0 || !refusedTypes.TryAdd(types[0], reason))
            {
                await SendOneByOneAsync(left, report, ct);
                return;
            }

            if (await SendAsync(left, report, refusedTypes, ct))
            {
                return;
            }

            left = Left(rows, report);
        }
    }

    private async Task SendOneByOneAsync(List<OutboxRow> rows, PublishReport report, CancellationToken ct)
    {
        HashSet<string> blocked = [];
        foreach (var row in rows)
        {
            if (blocked.Contains(row.Stream))
            {
                continue;
            }

            if (!await SendAsync([row], report, [], ct))
            {
                if (_link.ClosedByBroker is not { } reason)
                {
                    return;
                }

                report.Refused[row.Seq] = reason;
            }

            if (!report.Confirmed.Contains(row.Seq))
            {
                blocked.Add(row.Stream);
            }
        }
    }

    private static List<OutboxRow> Left(IReadOnlyList<OutboxRow> rows, PublishReport report)
    {
        HashSet<string> refused = [.. rows.Where(row => report.Refused.ContainsKey(row.Seq)).Select(row => row.Stream)];
        return [.. rows.Where(row => !report.Confirmed.Contains(row.Seq) && !refused.Contains(row.Stream))];
    }

    /// <summary>Publishes rows over one channel until each is settled; false if the channel closed before.</summary>
    private async Task<bool> SendAsync(
        IReadOnlyList<OutboxRow> rows, PublishReport report, Dictionary<string, string> refusedTypes, CancellationToken ct)
    {
        var channel = await _link.ChannelAsync(ct);
        var batch = new PublishBatch(rows, _link.NextTag, report);
        _link.Batch = batch;
        try
        {
            if (!channel.IsOpen)
            {
                return false;
            }

            while (!batch.IsSettled)
            {
                while (batch.TryTake(out var index))
                {
                    await PublishAsync(channel, batch, index, rows[index], refusedTypes, ct);
                }

                await batch.ChangeAsync().WaitAsync(ct);
                if (!channel.IsOpen && !batch.IsSettled)
                {
                    return false;
                }
            }

            return true;
        }
        catch (Exception e) when (BrokerLink.IsBrokerFailure(e) && !ct.IsCancellationRequested && !channel.IsOpen)
        {
            return false;
        }
        finally
        {
            batch.Close();
            _link.NextTag = batch.NextTag;
            _link.Batch = null;
        }
    }

    private async ValueTask PublishAsync(
        IChannel channel, PublishBatch batch, int index, OutboxRow row, Dictionary<string, string> refusedTypes, CancellationToken ct)
    {
        if (refusedTypes.Count > 0 && refusedTypes.TryGetValue(row.Type, out var reason))
        {
            batch.Refuse(index, reason);
            return;
        }

        if (!_headers.TryRead(row.Headers))
        {
            batch.Refuse(index, "its headers are not a JSON object of strings");
            return;
        }

        var appendedAt = _headers.TakeAppendedAt();
        var activity = MessagingTelemetry.Activities.HasListeners() ? StartPublish(row, appendedAt) : null;
        var id = row.EventId.ToString();
        _headers.CloudEvent(row.Type, id);
        _headers.PublishedAt(TimeProvider.System.GetUtcNow());
        _headers.Trace(activity);
        _properties.MessageId = id;
        _properties.Type = row.Type;
        _properties.Headers = _headers.Values;
        batch.Sending(index, activity);
        await channel.BasicPublishAsync(row.Type, "", mandatory: true, _properties, row.Body, ct);
    }

    private Activity? StartPublish(OutboxRow row, DateTimeOffset? appendedAt)
    {
        var cause = _headers.Parent();
        if (appendedAt is { } since)
        {
            MessagingSpans.Waited(cause, row.Type, row.EventId, since, TimeProvider.System.GetUtcNow());
        }

        return spans.Publish(cause, row.Type, row.EventId, _headers.CorrelationId);
    }

    [LoggerMessage(LogLevel.Warning, "Batch not fully settled; the rest is republished: {Reason}")]
    private partial void LogUnfinished(string reason);
}
