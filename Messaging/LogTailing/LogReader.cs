using System.Threading.Channels;
using Npgsql;
using Npgsql.Replication;
using Npgsql.Replication.PgOutput;
using Npgsql.Replication.PgOutput.Messages;
using NpgsqlTypes;
using Shop.Messaging.Relay;

namespace Shop.Messaging.LogTailing;

/// <summary>A batch of events in commit order.</summary>
/// <param name="Rows">The events; the first ones may continue a transaction that began in the previous batch.</param>
/// <param name="CommittedUpTo">The end of the last transaction that this batch completes; null if none.</param>
/// <param name="EndsInside">Whether the last event's transaction continues in the next batch.</param>
internal sealed record LogBatch(IReadOnlyList<OutboxRow> Rows, NpgsqlLogSequenceNumber? CommittedUpTo, bool EndsInside);

/// <summary>
/// The only reader of a slot. It sees committed transactions only, in commit order. The position that it reports to the server, also in
/// reply to keepalives, never exceeds the last call of <see cref="ConfirmAsync"/>.
/// </summary>
internal sealed class LogReader : IAsyncDisposable
{
    private readonly LogicalReplicationConnection _connection;
    private readonly Channel<Entry> _entries;
    private readonly CancellationTokenSource _stop = new();
    private Task _reading = Task.CompletedTask;
    private bool _inside;
    private bool _disposed;

    private LogReader(LogicalReplicationConnection connection, int readAhead)
    {
        _connection = connection;
        _entries = Channel.CreateBounded<Entry>(new BoundedChannelOptions(readAhead) { SingleReader = true, SingleWriter = true });
    }

    /// <summary>
    /// Starts reading at the slot's confirmed position. If another session holds the slot, <see cref="ReadBatchAsync"/> throws.
    /// </summary>
    public static async Task<LogReader> StartAsync(MessagingSettings settings, string slot, CancellationToken ct)
    {
        var lease = settings.RelayLease;
        var own = new NpgsqlConnectionStringBuilder(settings.Database)
        {
            ApplicationName = settings.Service + " log reader",
        };
        own.Options = $"{own.Options} -c wal_sender_timeout={(int)lease.TotalMilliseconds}"; // a reader that is silent for longer loses the slot
        var connection = new LogicalReplicationConnection(own.ConnectionString)
        {
            WalReceiverStatusInterval = lease / 3, // also while the relay waits for the broker
        };
        try
        {
            await connection.Open(ct);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }

        var reader = new LogReader(connection, settings.BatchSize * 2);
        reader._reading = Task.Run(() => reader.ReadAsync(slot), CancellationToken.None);
        return reader;
    }

    /// <summary>Whether the failure means that another session holds the slot.</summary>
    public static bool IsHeldByAnother(Exception exception) =>
        exception.GetBaseException() is PostgresException { SqlState: PostgresErrorCodes.ObjectInUse };

    /// <summary>The next events, up to a limit, as soon as there is one; an empty batch on timeout.</summary>
    public async Task<LogBatch> ReadBatchAsync(int size, TimeSpan atMost, CancellationToken ct)
    {
        List<OutboxRow> rows = [];
        NpgsqlLogSequenceNumber? committed = null;
        using (var timeout = CancellationTokenSource.CreateLinkedTokenSource(ct))
        {
            timeout.CancelAfter(atMost);
            try
            {
                await _entries.Reader.WaitToReadAsync(timeout.Token);
            }
            catch (OperationCanceledException) when (timeout.IsCancellationRequested)
            {
                return new LogBatch(rows, committed, _inside);
            }
        }

        while (rows.Count < size && _entries.Reader.TryRead(out var entry))
        {
            _inside = entry.Event is not null;
            if (entry.Event is { } row)
            {
                rows.Add(row);
            }
            else
            {
                committed = entry.CommittedUpTo;
            }
        }

        return new LogBatch(rows, committed, _inside);
    }

    /// <summary>Confirms to the server that every event up to this position is published or stored.</summary>
    public async Task ConfirmAsync(NpgsqlLogSequenceNumber position, CancellationToken ct)
    {
        _connection.SetReplicationStatus(position);
        await _connection.SendStatusUpdate(ct); // otherwise disposing the connection would lose the position
    }

    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        await _stop.CancelAsync();
        while (_entries.Reader.TryRead(out _))
        {
            // Unblocks a writer that waits for space.
        }

        await _reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _connection.DisposeAsync();
        _stop.Dispose();
    }

    private async Task ReadAsync(string slot)
    {
        try
        {
            // Protocol version 1: transactions arrive after their commit, never streamed while in progress.
            var options = new PgOutputReplicationOptions(LogSlot.Publication, PgOutputProtocolVersion.V1, messages: true);
            await foreach (var message in _connection.StartReplication(new PgOutputReplicationSlot(slot), options, _stop.Token))
            {
                if (message is LogicalDecodingMessage { Prefix: LogSlot.Prefix } logged)
                {
                    var content = new byte[logged.Data.Length];
                    await logged.Data.ReadExactlyAsync(content, _stop.Token);
                    if (content.Length > 0)
                    {
                        await _entries.Writer.WriteAsync(new Entry(LogContent.Read(content), default), _stop.Token);
                    }
                }
                else if (message is CommitMessage commit)
                {
                    await _entries.Writer.WriteAsync(new Entry(null, commit.TransactionEndLsn), _stop.Token);
                }
            }

            _entries.Writer.TryComplete(new IOException("The server ended the replication."));
        }
        catch (Exception e)
        {
            _entries.Writer.TryComplete(e);
        }
    }

    private readonly record struct Entry(OutboxRow? Event, NpgsqlLogSequenceNumber CommittedUpTo);
}
