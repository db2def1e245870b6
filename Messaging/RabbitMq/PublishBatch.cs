using System.Diagnostics;
using Shop.Messaging.Relay;

namespace Shop.Messaging.RabbitMq;

/// <summary>
/// Tracks one batch on one channel: which row may be published next, which are in flight under which delivery tag, and their
/// results. An event is published only after the previous one of its stream is confirmed, so that a rejected one is never overtaken;
/// streams do not wait for each other. No I/O: the publisher's loop takes rows, the channel's events settle them.
/// </summary>
internal sealed class PublishBatch
{
    private const int None = -1;

    private readonly Lock _lock = new();
    private readonly IReadOnlyList<OutboxRow> _rows;
    private readonly PublishReport _report;
    private readonly ulong _firstTag;
    private readonly int[] _follower;
    private readonly Queue<int> _ready = new();
    private readonly List<Sent> _sent;
    private int _lowestOut;
    private int _out;
    private bool _closed;
    private TaskCompletionSource? _change;

    /// <summary>Tracks <paramref name="rows"/>, in seq order; the channel's next publish has the tag <paramref name="firstTag"/>.</summary>
    public PublishBatch(IReadOnlyList<OutboxRow> rows, ulong firstTag, PublishReport report)
    {
        (_rows, _firstTag, _report) = (rows, firstTag, report);
        _sent = new List<Sent>(rows.Count);
        _follower = new int[rows.Count];
        var last = new Dictionary<string, int>(rows.Count, StringComparer.Ordinal);
        for (var i = 0; i < rows.Count; i++)
        {
            _follower[i] = None;
            if (last.TryGetValue(rows[i].Stream, out var before))
            {
                _follower[before] = i;
            }
            else
            {
                _ready.Enqueue(i);
            }

            last[rows[i].Stream] = i;
        }
    }

    /// <summary>The delivery tag of the channel's next publish.</summary>
    public ulong NextTag => _firstTag + (ulong)_sent.Count;

    /// <summary>Whether every row is confirmed, rejected, or waits behind a rejected one of its stream.</summary>
    public bool IsSettled
    {
        get
        {
            lock (_lock)
            {
                return _out == 0 && _ready.Count == 0;
            }
        }
    }

    /// <summary>The index of the next row that may be published.</summary>
    public bool TryTake(out int index)
    {
        lock (_lock)
        {
            index = None;
            return !_closed && _ready.TryDequeue(out index);
        }
    }

    /// <summary>Registers a row under the next tag, before it is published: the confirm may arrive before the publish returns.</summary>
    public void Sending(int index, Activity? activity)
    {
        lock (_lock)
        {
            _sent.Add(new Sent(_rows[index], index, activity));
            _out++;
        }
    }

    /// <summary>Rejects a row without publishing it.</summary>
    public void Refuse(int index, string reason)
    {
        lock (_lock)
        {
            _report.Refused[_rows[index].Seq] = reason;
        }
    }

    /// <summary>basic.ack for this tag, or with <paramref name="multiple"/> for all up to it.</summary>
    public void Confirmed(ulong tag, bool multiple) => Settle(tag, multiple, acknowledged: true);

    /// <summary>basic.nack for this tag, or with <paramref name="multiple"/> for all up to it.</summary>
    public void Nacked(ulong tag, bool multiple) => Settle(tag, multiple, acknowledged: false);

    /// <summary>
    /// basic.return: no queue is bound; the confirm follows. A return has no tag, and one event may be published as two types:
    /// returns arrive in publishing order, so it is the first match in flight.
    /// </summary>
    public void Returned(string exchange, Guid eventId)
    {
        lock (_lock)
        {
            for (var i = _lowestOut; i < _sent.Count && !_closed; i++)
            {
                if (_sent[i] is { Returned: false, Settled: false } sent && sent.Row.EventId == eventId && sent.Row.Type == exchange)
                {
                    sent.Returned = true;
                    return;
                }
            }
        }
    }

    /// <summary>The channel is closed: no more confirms will arrive.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _closed = true;
            foreach (var sent in _sent.Where(sent => !sent.Settled))
            {
                sent.End("the channel was closed");
            }

            _change?.TrySetResult();
        }
    }

    /// <summary>Completes when a row may be published, nothing is in flight, or the channel is closed.</summary>
    public Task ChangeAsync()
    {
        lock (_lock)
        {
            if (_closed || _ready.Count > 0 || _out == 0)
            {
                return Task.CompletedTask;
            }

            _change = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _change.Task;
        }
    }

    private void Settle(ulong tag, bool multiple, bool acknowledged)
    {
        lock (_lock)
        {
            if (_closed || tag < _firstTag || tag >= NextTag)
            {
                return; // of an abandoned batch
            }

            var last = (int)(tag - _firstTag);
            for (var i = multiple ? _lowestOut : last; i <= last; i++)
            {
                SettleOne(_sent[i], acknowledged);
            }

            while (_lowestOut < _sent.Count && _sent[_lowestOut].Settled)
            {
                _lowestOut++;
            }

            if (_ready.Count > 0 || _out == 0)
            {
                _change?.TrySetResult();
            }
        }
    }

    private void SettleOne(Sent sent, bool acknowledged)
    {
        if (sent.Settled)
        {
            return;
        }

        sent.Settled = true;
        _out--;
        if (acknowledged && !sent.Returned)
        {
            sent.End(null);
            _report.Confirmed.Add(sent.Row.Seq);
            if (_follower[sent.Index] != None)
            {
                _ready.Enqueue(_follower[sent.Index]);
            }
        }
        else
        {
            sent.End("refused");
            _report.Refused[sent.Row.Seq] = acknowledged ? "no queue is bound to its exchange (returned)" : "rejected by the broker (nack)";
        }
    }

    private sealed class Sent(OutboxRow row, int index, Activity? activity)
    {
        public OutboxRow Row { get; } = row;

        public int Index { get; } = index;

        public bool Returned { get; set; }

        public bool Settled { get; set; }

        public void End(string? error)
        {
            if (activity is not null)
            {
                if (error is not null)
                {
                    activity.SetStatus(ActivityStatusCode.Error, error).SetTag("error.type", error);
                }

                activity.Stop();
            }
        }
    }
}
