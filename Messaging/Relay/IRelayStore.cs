using System.Data.Common;
using Shop.Messaging.Outbox;

namespace Shop.Messaging.Relay;

/// <summary>The relay's database: PostgreSQL, or the model of the simulation.</summary>
internal interface IRelayStore
{
    /// <summary>Opens a session, which counts as a relay while it is open. Throws where the database is unreachable.</summary>
    Task<IRelaySession> OpenAsync(CancellationToken ct);
}

/// <summary>
/// One session with the database, used by one caller at a time. It holds the partition locks and the open transaction:
/// losing it loses both, and from then on every call throws and changes nothing.
/// </summary>
internal interface IRelaySession : IAsyncDisposable
{
    /// <summary>The partitions that this session has locked.</summary>
    IReadOnlyCollection<short> Held { get; }

    bool HoldsAll { get; }

    /// <summary>How many relays have a session, including this one.</summary>
    Task<int> CountRelaysAsync(CancellationToken ct);

    /// <summary>Locks free partitions, up to a limit, without waiting.</summary>
    Task LockAsync(int atMost, CancellationToken ct);

    Task UnlockAsync(short partition, CancellationToken ct);

    /// <summary>Begins a transaction; disposing of it without a commit rolls back.</summary>
    Task<DbTransaction> BeginAsync(CancellationToken ct);

    /// <summary>Deletes up to <paramref name="size"/> of the oldest rows of the held partitions and returns them in order.</summary>
    Task<List<OutboxRow>> ClaimAsync(int size, CancellationToken ct);

    /// <summary>Puts rows back under their original seq, which keeps their order.</summary>
    Task PutBackAsync(IReadOnlyList<OutboxRow> rows, CancellationToken ct);

    /// <summary>Parks rows, behind those of their streams that are parked already.</summary>
    Task ParkAsync(IReadOnlyList<OutboxRow> rows, CancellationToken ct);

    /// <summary>Records a failed attempt of a parked row, which is due again after the delay, by the database's clock.</summary>
    Task FailParkedAsync(long seq, TimeSpan delay, string error, CancellationToken ct);

    Task<int> AttemptsOfAsync(long seq, CancellationToken ct);

    Task DeleteParkedAsync(IReadOnlyCollection<long> seqs, CancellationToken ct);

    /// <summary>The streams of the held partitions that have parked rows.</summary>
    Task<HashSet<string>> ParkedStreamsAsync(CancellationToken ct);

    /// <summary>The parked rows, in order, of the held partitions' streams whose head is due.</summary>
    Task<List<OutboxRow>> DueAsync(int size, CancellationToken ct);

    /// <summary>Notifies the relays of other processes of a commit. Outside of transactions: see docs/adr/0006.</summary>
    Task NotifyAsync(CancellationToken ct);
}

/// <summary>Balances the partitions among the relays, which only know how many they are.</summary>
internal static class PartitionShares
{
    /// <summary>
    /// Locks or unlocks partitions until this relay holds its fair share. Call it between batches only.
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
