using System.Data.Common;
using Shop.Messaging.Outbox;
using Shop.Messaging.Relay;
using Shop.Simulation.Tests.Kernel;

namespace Shop.Simulation.Tests.Model;

/// <summary>The model database as a relay uses it, with the faults of the negative controls.</summary>
internal sealed class ModelRelayStore(ModelDatabase database, SimProcess process, TimeSpan lease, Weakness weakness, Action notify)
    : IRelayStore
{
    public async Task<IRelaySession> OpenAsync(CancellationToken ct)
    {
        var session = await database.OpenAsync(process, lease, weakness != Weakness.LockWithoutFence, ct);
        return new ModelRelaySession(database, session, weakness, notify);
    }
}

internal sealed class ModelRelaySession(ModelDatabase database, ModelSession session, Weakness weakness, Action notify) : IRelaySession
{
    private static readonly TimeSpan s_lookEvery = TimeSpan.FromMilliseconds(100);

    private readonly SortedSet<short> _held = [];
    private readonly HashSet<long> _putBack = [];
    private readonly OutboxFloor _floor = new();
    private TimeSpan _lookAgainAt;
    private long _highestSeen;

    public IReadOnlyCollection<short> Held => _held;

    public bool HoldsAll => _held.Count == OutboxMessage.Partitions;

    public Task<int> CountRelaysAsync(CancellationToken ct) => session.CallAsync("counts the relays", (out int relays) =>
    {
        relays = database.Relays;
        return null;
    }, ct);

    public async Task LockAsync(int atMost, CancellationToken ct)
    {
        var locked = await session.CallAsync("locks partitions", (out List<short> locked) =>
        {
            locked = [];
            for (short partition = 0; partition < OutboxMessage.Partitions && locked.Count < atMost; partition++)
            {
                if (!_held.Contains(partition) && database.Locks.TryAdd(partition, session))
                {
                    locked.Add(partition);
                }
            }

            return null;
        }, ct);
        _held.UnionWith(locked);
        if (locked.Count > 0 && weakness != Weakness.FloorKeptForNewPartition)
        {
            _floor.Reset();
        }
    }

    public async Task UnlockAsync(short partition, CancellationToken ct)
    {
        await session.RunAsync($"unlocks partition {partition}", () =>
        {
            if (database.Locks.GetValueOrDefault(partition) == session)
            {
                database.Locks.Remove(partition);
            }

            return null;
        }, ct);
        _held.Remove(partition);
    }

    public Task<DbTransaction> BeginAsync(CancellationToken ct) => Task.FromResult(session.Begin());

    public async Task<List<OutboxRow>> ClaimAsync(int size, CancellationToken ct)
    {
        var transaction = session.Transaction!;
        if (weakness == Weakness.IdCursor)
        {
            return await ClaimByNumberAsync(size, transaction);
        }

        await ObserveWritersAsync(transaction, ct);

        // What the statement's snapshot shows; rows that others delete meanwhile are skipped after waiting for them.
        List<Table<long, OutboxRow>.Row>? snapshot = null;
        var floor = weakness == Weakness.FloorAtHighestSeen ? _highestSeen + 1 : _floor.Value;
        var found = await session.CallAsync("claims", (out List<OutboxRow> claimed) =>
        {
            database.LockOutbox(transaction);
            snapshot ??= [.. database.Outbox.Rows.Where(row => row.Key >= floor && _held.Contains(row.Value.Partition)).Take(size)];
            claimed = [];
            var deletion = weakness == Weakness.DeleteBeforeConfirm ? new ModelTransaction() : transaction;
            foreach (var row in snapshot)
            {
                if (database.Outbox.Delete(deletion, row) is { } blocker)
                {
                    return blocker;
                }

                if (!row.IsGone)
                {
                    claimed.Add(row.Value);
                }
            }

            if (deletion != transaction)
            {
                deletion.Commit();
            }

            return null;
        }, ct);
        _floor.Claimed(found);
        _highestSeen = Math.Max(_highestSeen, found.Count > 0 ? found[^1].Seq : 0);
        return found;
    }

    public Task PutBackAsync(IReadOnlyList<OutboxRow> rows, CancellationToken ct)
    {
        _putBack.UnionWith(rows.Select(row => row.Seq));
        return InsertAsync($"puts back {Seqs(rows)}", rows, (transaction, row) =>
            weakness == Weakness.IdCursor ? null : database.Outbox.Insert(transaction, row.Seq, row));
    }

    public Task ParkAsync(IReadOnlyList<OutboxRow> rows, CancellationToken ct) =>
        InsertAsync($"parks {Seqs(rows)}", rows, (transaction, row) =>
            database.Parked.Insert(transaction, row.Seq, new ParkedRow(row, 0, database.World.Now)));

    public Task FailParkedAsync(long seq, TimeSpan delay, string error, CancellationToken ct)
    {
        var transaction = session.Transaction!;
        return session.RunAsync($"notes that {seq} failed: {error}", () => database.Parked.Update(transaction, seq,
            parked => parked with { Attempts = parked.Attempts + 1, NextAttemptAt = database.World.Now + delay }), ct);
    }

    public Task<int> AttemptsOfAsync(long seq, CancellationToken ct) => session.CallAsync($"reads the attempts of {seq}",
        (out int attempts) =>
        {
            attempts = database.Parked.Find(seq)?.Value.Attempts ?? 0;
            return null;
        }, ct);

    public Task DeleteParkedAsync(IReadOnlyCollection<long> seqs, CancellationToken ct)
    {
        var transaction = session.Transaction!;
        return session.RunAsync($"deletes parked {string.Join(' ', seqs.Order())}", () => seqs.Order().Select(database.Parked.Find)
            .Select(row => row is null ? null : database.Parked.Delete(transaction, row)).FirstOrDefault(blocker => blocker is not null), ct);
    }

    public Task<HashSet<string>> ParkedStreamsAsync(CancellationToken ct) => session.CallAsync("reads the parked streams",
        (out HashSet<string> streams) =>
        {
            streams = [.. Parked().Select(parked => parked.Row.Stream)];
            return null;
        }, ct);

    public Task<List<OutboxRow>> DueAsync(int size, CancellationToken ct) => session.CallAsync("reads what is due",
        (out List<OutboxRow> due) =>
        {
            var streams = Parked().GroupBy(parked => parked.Row.Stream)
                .Where(stream => stream.First().NextAttemptAt <= database.World.Now).Select(stream => stream.Key).ToHashSet();
            due = [.. Parked().Where(parked => streams.Contains(parked.Row.Stream)).Take(size).Select(parked => parked.Row)];
            return null;
        }, ct);

    public Task NotifyAsync(CancellationToken ct) => session.RunAsync("notifies", () =>
    {
        notify();
        return null;
    }, ct);

    public ValueTask DisposeAsync()
    {
        session.Link.Close();
        return default;
    }

    private async Task ObserveWritersAsync(ModelTransaction transaction, CancellationToken ct)
    {
        if (database.World.Now < _lookAgainAt)
        {
            return;
        }

        _lookAgainAt = database.World.Now + s_lookEvery;
        var writers = await session.CallAsync("looks for writers", (out HashSet<string> others) =>
        {
            others = database.WritersBeside(transaction);
            return null;
        }, ct);
        _floor.Observe(weakness == Weakness.FloorThatWaitsForNobody ? new HashSet<string>() : writers);
    }

    private static string Seqs(IEnumerable<OutboxRow> rows) => string.Join(' ', rows.Select(row => row.Seq));

    private IEnumerable<ParkedRow> Parked() =>
        database.Parked.Rows.Select(row => row.Value).Where(parked => _held.Contains(parked.Row.Partition));

    private Task InsertAsync(string what, IReadOnlyList<OutboxRow> rows, Func<ModelTransaction, OutboxRow, ModelTransaction?> insert)
    {
        var transaction = session.Transaction!;
        return session.RunAsync(what, () => rows.Select(row => insert(transaction, row)).FirstOrDefault(blocker => blocker is not null));
    }

    /// <summary>The negative control's bug: continues from the highest number that it has seen in each partition.</summary>
    private async Task<List<OutboxRow>> ClaimByNumberAsync(int size, ModelTransaction transaction)
    {
        _putBack.Clear();
        var claimed = await session.CallAsync("claims by number", (out List<OutboxRow> rows) =>
        {
            rows = [.. database.Outbox.Rows.Select(row => row.Value).Where(row =>
                _held.Contains(row.Partition) && row.Seq > database.Cursors.GetValueOrDefault(row.Partition)).Take(size)];
            return null;
        });
        transaction.OnCommit(() =>
        {
            var cleaning = new ModelTransaction();
            foreach (var row in claimed.GroupBy(row => row.Partition)
                .SelectMany(partition => partition.TakeWhile(row => !_putBack.Contains(row.Seq))))
            {
                database.Cursors[row.Partition] = row.Seq;
                _ = database.Outbox.Find(row.Seq) is { } stored ? database.Outbox.Delete(cleaning, stored) : null;
            }

            cleaning.Commit();
        });
        return claimed;
    }
}
