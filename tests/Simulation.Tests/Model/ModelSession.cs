using System.Data;
using System.Data.Common;
using Shop.Simulation.Tests.Kernel;

namespace Shop.Simulation.Tests.Model;

/// <summary>A session of the model database, at both of its ends.</summary>
internal sealed class ModelSession
{
    private readonly TimeSpan? _lease;
    private readonly bool _fenced;
    private TimeSpan _silentSince;
    private int _running;

    public ModelSession(ModelDatabase database, Link link, TimeSpan? lease, bool fenced)
    {
        (Database, Link, _lease, _fenced) = (database, link, lease, fenced);
        CountsAsRelay = lease is not null;
        _silentSince = database.World.Now;
        if (lease is { } time)
        {
            database.World.After(time, EndIfSilent);
        }
    }

    public ModelDatabase Database { get; }

    public Link Link { get; }

    public bool CountsAsRelay { get; private set; }

    public ModelTransaction? Transaction { get; private set; }

    /// <summary>Begins, which the client sends along with its first statement.</summary>
    public DbTransaction Begin()
    {
        Transaction = new ModelTransaction();
        return new Handle(this);
    }

    public Task<T> CallAsync<T>(string what, Statement<T> statement, CancellationToken ct = default)
    {
        var first = true;
        return Link.CallAsync(what, (out T answer) =>
        {
            _running += first ? 1 : 0;
            first = false;
            var waits = false;
            try
            {
                var blocker = statement(out answer);
                waits = blocker is not null && WaitFor(blocker);
                return blocker;
            }
            finally
            {
                _running -= waits ? 0 : 1;
                _silentSince = Database.World.Now;
            }
        }, ct);
    }

    /// <summary>A statement that answers nothing.</summary>
    public Task RunAsync(string what, Func<ModelTransaction?> statement, CancellationToken ct = default) =>
        CallAsync(what, (out bool answer) =>
        {
            answer = true;
            return statement();
        }, ct);

    public Task CommitAsync()
    {
        var transaction = Transaction;
        return RunAsync("commits", () =>
        {
            transaction?.Commit();
            Transaction = null;
            return null;
        });
    }

    public async Task RollbackAsync()
    {
        if (Transaction is { } transaction && Link.IsUp)
        {
            await RunAsync("rolls back", () =>
            {
                transaction.Rollback();
                Transaction = null;
                return null;
            });
        }
    }

    /// <summary>The server detected that the client is gone, or ended the session itself: it rolls back first, then releases the locks.</summary>
    public void Lost()
    {
        Transaction?.Rollback();
        ReleaseLocks();
        Database.Forget(this);
    }

    private void ReleaseLocks()
    {
        CountsAsRelay = false;
        foreach (var partition in Database.Locks.Where(held => held.Value == this).Select(held => held.Key).ToList())
        {
            Database.Locks.Remove(partition);
        }
    }

    private bool WaitFor(ModelTransaction blocker)
    {
        if (Transaction is not { } mine)
        {
            return true;
        }

        for (var other = blocker; other is not null; other = other.WaitsFor)
        {
            if (other == mine)
            {
                throw new ModelException("deadlock");
            }
        }

        mine.WaitsFor = blocker;
        blocker.WhenDone(() => mine.WaitsFor = null);
        return true;
    }

    private void EndIfSilent()
    {
        if (!Link.IsServed)
        {
            return;
        }

        var end = _silentSince + _lease!.Value;
        if (_running > 0 || Database.World.Now < end)
        {
            Database.World.After(_running > 0 ? _lease.Value : end - Database.World.Now, EndIfSilent);
        }
        else if (_fenced)
        {
            Link.EndByServer("silent for too long");
        }
        else
        {
            Database.World.Trace?.Write(Database.World.Now, $"{Link.Name} loses its locks, and does not know");
            ReleaseLocks();
        }
    }

    /// <summary>The transaction as the client holds it.</summary>
    private sealed class Handle(ModelSession session) : DbTransaction
    {
        private bool _ended;

        public override IsolationLevel IsolationLevel => IsolationLevel.ReadCommitted;

        protected override DbConnection? DbConnection => null;

        public override void Commit() => throw new NotSupportedException();

        public override void Rollback() => throw new NotSupportedException();

        public override async Task CommitAsync(CancellationToken cancellationToken = default)
        {
            await session.CommitAsync();
            _ended = true;
        }

        public override async Task RollbackAsync(CancellationToken cancellationToken = default)
        {
            _ended = true;
            await session.RollbackAsync();
        }

        public override async ValueTask DisposeAsync()
        {
            if (!_ended && session.Link.IsUp)
            {
                try
                {
                    await RollbackAsync();
                }
                catch (LinkLostException)
                {
                    // What the client does not end, the server does once it notices.
                }
            }

            await base.DisposeAsync();
        }
    }
}
