using Shop.Messaging.Outbox;
using Shop.Messaging.Relay;
using Shop.Simulation.Tests.Kernel;
using Shop.Simulation.Tests.Model;

namespace Shop.Simulation.Tests.Runs;

/// <summary>The units of work that a run still has to do, by whichever producer comes first.</summary>
internal sealed class UnitsOfWork(int count, bool withStuckEvent)
{
    public int Left { get; set; } = count;

    /// <summary>Whether one more event is to be recorded that cannot be sent for long.</summary>
    public bool WantsStuckEvent { get; set; } = withStuckEvent;

    public int EventsMade { get; set; }
}

/// <summary>
/// Changes aggregates and records events, as a service's endpoints do: loads, inserts the events (which gives them their numbers),
/// changes the aggregates unless they were changed concurrently, and commits or rolls back.
/// </summary>
internal sealed class Producer(SimProcess process, ModelDatabase database, Ledger ledger, UnitsOfWork units, Action committed, TimeSpan lingers)
{
    private readonly SimRandom _random = database.World.Random;
    private ModelSession? _session;

    public async Task RunAsync()
    {
        while (units.Left > 0)
        {
            units.Left--;
            await Task.Delay(_random.Between(TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(900)), process.Clock);
            try
            {
                _session = _session is { Link.IsUp: true } ? _session
                    : await database.OpenAsync(process, lease: null, fenced: true, CancellationToken.None);
                await WorkAsync(_session);
            }
            catch (LinkLostException)
            {
                // The outcome is unknown: the caller has to check.
            }
            catch (ModelException) when (_session is not { Link.IsUp: true })
            {
                // No database yet.
            }
            catch (ModelException)
            {
                await CloseAsync();
            }
        }
    }

    public static OutboxRow Event(UnitsOfWork units, string stream, string type) => new(
        0, new Guid(++units.EventsMade, 0, 0, [0, 0, 0, 0, 0, 0, 0, 0]), stream, OutboxMessage.PartitionOf(stream), type, "{}", []);

    private async Task WorkAsync(ModelSession session)
    {
        await using var handle = session.Begin();
        var transaction = session.Transaction!;
        var versions = new SortedDictionary<string, int>(StringComparer.Ordinal);
        foreach (var _ in Enumerable.Range(0, _random.Between(1, 2)))
        {
            var stream = "s" + _random.Below(6);
            versions[stream] = await session.CallAsync($"loads {stream}", (out int version) =>
            {
                version = database.Aggregates.Find(stream)?.Value ?? 0;
                return null;
            });
        }

        await InsertAsync(session, transaction, versions.Keys);
        if (lingers > TimeSpan.Zero)
        {
            await Task.Delay(_random.Between(TimeSpan.FromMilliseconds(1), lingers), process.Clock);
        }

        foreach (var (stream, version) in versions)
        {
            await session.RunAsync($"changes {stream}", () => Change(transaction, stream, version));
        }

        if (_random.Below(8) == 0)
        {
            await handle.RollbackAsync();
        }
        else
        {
            await handle.CommitAsync();
            committed();
        }
    }

    private async Task InsertAsync(ModelSession session, ModelTransaction transaction, IEnumerable<string> streams)
    {
        foreach (var stream in streams)
        {
            var events = Enumerable.Range(0, _random.Between(1, 3)).Select(_ => Event(units, stream, TypeOfNext())).ToList();
            await session.RunAsync($"inserts {events.Count} events of {stream}", () =>
            {
                foreach (var @event in events)
                {
                    var row = @event with { Seq = database.NextSeq(transaction) };
                    database.Outbox.Insert(transaction, row.Seq, row);
                    transaction.OnCommit(() => ledger.Committed(row));
                }

                return null;
            });
        }
    }

    private ModelTransaction? Change(ModelTransaction transaction, string stream, int version)
    {
        if (database.Aggregates.Find(stream) is not { } aggregate)
        {
            return database.Aggregates.Insert(transaction, stream, 1);
        }

        if (aggregate.Locker is not null && aggregate.Locker != transaction)
        {
            return aggregate.Locker;
        }

        return aggregate.Value == version
            ? database.Aggregates.Update(transaction, stream, _ => version + 1)
            : throw new ModelException($"{stream} was changed by somebody else");
    }

    private string TypeOfNext()
    {
        if (units.WantsStuckEvent && _random.Below(4) == 0)
        {
            units.WantsStuckEvent = false;
            return Topology.Stuck;
        }

        return _random.Below(3) == 0 ? Topology.Shaky : Topology.Common;
    }

    private async Task CloseAsync()
    {
        _session?.Link.Close();
        _session = null;
        await Task.Yield();
    }
}
