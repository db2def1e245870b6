using System.Data.Common;
using Shop.Messaging.Outbox;

namespace Shop.Messaging.Relay;

/// <summary>The database as a relay sees it: PostgreSQL, or the model that the simulation runs the relay over.</summary>
internal interface IRelayStore
{
    /// <summary>Opens a session, which counts as a relay from now on. Throws where the database cannot be reached.</summary>
    Task<IRelaySession> OpenAsync(CancellationToken ct);
}

/// <summary>
/// One session with the database, used by one caller at a time. It holds the locks of partitions and the open transaction, and
/// losing it loses both: from then on every call throws, and changes nothing.
/// </summary>
internal interface IRelaySession : IAsyncDisposable
{
    /// <summary>The partitions that this session has locked.</summary>
    IReadOnlyCollection<short> Held { get; }

    bool HoldsAll { get; }

    /// <summary>How many relays have a session, this one among them.</summary>
    Task<int> CountRelaysAsync(CancellationToken ct);

    /// <summary>Locks partitions that no session holds, up to so many; never waits for one.</summary>
    Task LockAsync(int atMost, CancellationToken ct);

    Task UnlockAsync(short partition, CancellationToken ct);

    /// <summary>What is done until its commit is done together or not at all; disposing of it without a commit rolls back.</summary>
    Task<DbTransaction> BeginAsync(CancellationToken ct);

    /// <summary>Deletes up to <paramref name="size"/> of the oldest rows of the held partitions and returns them in order.</summary>
    Task<List<OutboxRow>> ClaimAsync(int size, CancellationToken ct);

    /// <summary>Puts rows back under their own numbers, so that their order stays what it was.</summary>
    Task PutBackAsync(IReadOnlyList<OutboxRow> rows, CancellationToken ct);

    /// <summary>Sets rows aside, behind what is parked of their streams already.</summary>
    Task ParkAsync(IReadOnlyList<OutboxRow> rows, CancellationToken ct);

    /// <summary>Notes a failed attempt of a parked row, which is due again after the delay, by the database's clock.</summary>
    Task FailParkedAsync(long seq, TimeSpan delay, string error, CancellationToken ct);

    Task<int> AttemptsOfAsync(long seq, CancellationToken ct);

    Task DeleteParkedAsync(IReadOnlyCollection<long> seqs, CancellationToken ct);

    /// <summary>The streams of the held partitions that have parked rows.</summary>
    Task<HashSet<string>> ParkedStreamsAsync(CancellationToken ct);

    /// <summary>The parked rows, in order, of the held partitions' streams whose head is due again.</summary>
    Task<List<OutboxRow>> DueAsync(int size, CancellationToken ct);

    /// <summary>Tells the relays of other processes that something was committed. Outside every transaction: see docs/adr/0006.</summary>
    Task NotifyAsync(CancellationToken ct);
}

/// <summary>Shares the partitions out among the relays, which know of each other only how many they are.</summary>
internal static class PartitionShares
{
    /// <summary>
    /// Takes or gives back partitions until this relay holds its fair share of them. To be called between batches only.
    /// </summary>
    public static async Task RebalanceAsync(this IRelaySession session, CancellationToken ct)
    {
        var relays = await session.CountRelaysAsync(ct);
        var share = (OutboxMessage.Partitions + relays - 1) / Math.Max(relays, 1);
        while (session.Held.Count > share)
        {
            await session.UnlockAsync(session.Held.Max(), ct);
        }

        if (session.Held.Count < share)
        {
            await session.LockAsync(share - session.Held.Count, ct);
        }
    }
}
