using Shop.Messaging.Inbox;
using Shop.Messaging.Relay;
using Shop.Simulation.Tests.Kernel;

namespace Shop.Simulation.Tests.Model;

internal sealed record ParkedRow(OutboxRow Row, int Attempts, TimeSpan NextAttemptAt);

/// <summary>
/// PostgreSQL as far as outbox, relay and inbox can observe: transactions, row locks, unique keys, session locks, sessions that are
/// ended when they are silent. Identity numbers are given out before the commit and not given back.
/// </summary>
internal sealed class ModelDatabase(World world, Faults faults)
{
    private static readonly TimeSpan s_keepAlive = TimeSpan.FromSeconds(5);
    private readonly List<ModelSession> _sessions = [];
    private bool _up = true;
    private readonly Dictionary<ModelTransaction, string> _writers = [];
    private int _writersSoFar;
    private long _seq;

    public World World => world;

    public Table<long, OutboxRow> Outbox { get; } = new("outbox");

    public Table<long, ParkedRow> Parked { get; } = new("outbox_parked");

    public Table<(Guid EventId, string Consumer), bool> Inbox { get; } = new("inbox");

    /// <summary>How often consumers acted: nothing here holds back a repeat.</summary>
    public Dictionary<(Guid EventId, string Consumer), int> Effects { get; } = [];

    /// <summary>What some consumers note under a business key.</summary>
    public Table<(Guid EventId, string Consumer), bool> Notes { get; } = new("notes");

    /// <summary>The aggregates' versions.</summary>
    public Table<string, int> Aggregates { get; } = new("aggregates");

    /// <summary>Which session holds which partition.</summary>
    public Dictionary<short, ModelSession> Locks { get; } = [];

    /// <summary>The position of a relay that reads by number: only for the negative control.</summary>
    public Dictionary<short, long> Cursors { get; } = [];

    public int Relays => _sessions.Count(session => session.CountsAsRelay);

    /// <summary>A number of the outbox, for a transaction that has its table locked for writing from before that until its end.</summary>
    public long NextSeq(ModelTransaction writer)
    {
        LockOutbox(writer);
        return ++_seq;
    }

    /// <summary>Insertions and deletions lock the table, which does not block other writers, and is visible to queries of locks.</summary>
    public void LockOutbox(ModelTransaction writer)
    {
        if (!writer.IsDone && _writers.TryAdd(writer, $"{++_writersSoFar}"))
        {
            writer.OnCommit(() => _writers.Remove(writer));
            writer.OnRollback(() => _writers.Remove(writer));
        }
    }

    /// <summary>The transactions of others that have the outbox locked for writing now.</summary>
    public HashSet<string> WritersBeside(ModelTransaction own) =>
        [.. _writers.Where(writer => writer.Key != own).Select(writer => writer.Value)];

    /// <summary>Opens a session; <paramref name="lease"/> is the silence after which the server ends it.</summary>
    public async Task<ModelSession> OpenAsync(SimProcess client, TimeSpan? lease, bool fenced, CancellationToken ct)
    {
        ModelSession? session = null;
        var link = new Link(world, faults, client, "session", () => session?.Lost(), s_keepAlive);
        return await link.CallAsync("connects", (out ModelSession opened) =>
        {
            if (!_up)
            {
                throw new ModelException("The database is starting up.");
            }

            session = opened = new ModelSession(this, link, lease, fenced);
            _sessions.Add(opened);
            return null;
        }, ct);
    }

    public void Forget(ModelSession session) => _sessions.Remove(session);

    /// <summary>Ends any session, as an administrator does.</summary>
    public void EndSomeSession()
    {
        if (_sessions.Count > 0)
        {
            world.Random.Pick(_sessions).Link.EndByServer("terminated");
        }
    }

    public void Restart(TimeSpan downtime)
    {
        world.Trace?.Write(world.Now, "the database restarts");
        _up = false;
        foreach (var session in _sessions.ToArray())
        {
            session.Link.EndByServer("shutdown");
        }

        world.After(downtime, () => _up = true);
    }
}
