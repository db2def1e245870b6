using System.Data.Common;
using Shop.Messaging.Inbox;
using Shop.Messaging.Relay;
using Shop.Simulation.Tests.Kernel;

namespace Shop.Simulation.Tests.Model;

/// <summary>A consumer's unit of work on the model database: its inserts are sent when it saves, the inbox row first.</summary>
internal sealed class ModelInboxWork(ModelSession session, Weakness weakness) : IInboxUnitOfWork
{
    private readonly List<Func<ModelTransaction, ModelTransaction?>> _unsaved = [];
    private DbTransaction? _handle;

    private ModelDatabase Database => session.Database;

    public Task<HashSet<Guid>> BeginAsync(IReadOnlyList<Guid> eventIds, string consumer, CancellationToken ct)
    {
        _handle = session.Begin();
        if (weakness != Weakness.NoInbox)
        {
            _unsaved.AddRange(eventIds.Select(eventId =>
                (Func<ModelTransaction, ModelTransaction?>)(transaction => Database.Inbox.Insert(transaction, (eventId, consumer), true))));
        }

        return Task.FromResult(eventIds.ToHashSet());
    }

    public void AddEffect(Guid eventId, string consumer)
    {
        var key = (eventId, consumer);
        session.Transaction!.OnCommit(() => Database.Effects[key] = Database.Effects.GetValueOrDefault(key) + 1);
    }

    /// <summary>An effect under a business key, which a repeat violates.</summary>
    public Task AddNoteAsync(Guid eventId, string consumer)
    {
        var transaction = session.Transaction!;
        return session.RunAsync("adds a note", () => Database.Notes.Insert(transaction, (eventId, consumer), true));
    }

    /// <summary>An event that the consumer causes.</summary>
    public void Append(Func<long, OutboxRow> row, Action<OutboxRow> committed)
    {
        OutboxRow? stored = null;
        _unsaved.Add(transaction =>
        {
            stored ??= row(Database.NextSeq(transaction));
            return Database.Outbox.Insert(transaction, stored.Seq, stored);
        });
        session.Transaction!.OnCommit(() => committed(stored!));
    }

    public async Task SaveAsync()
    {
        var transaction = session.Transaction!;
        var changes = _unsaved.ToArray();
        _unsaved.Clear();
        await session.RunAsync("saves", () =>
            changes.Select(change => change(transaction)).FirstOrDefault(blocker => blocker is not null));
    }

    public async Task CommitAsync(CancellationToken ct)
    {
        if (_unsaved.Count > 0)
        {
            await SaveAsync();
        }

        await _handle!.CommitAsync(ct);
    }

    public Task RollbackAsync() => _handle!.RollbackAsync();

    public Task<bool> IsProcessedAsync(Guid eventId, string consumer, CancellationToken ct) => session.CallAsync("looks into the inbox",
        (out bool has) =>
        {
            has = weakness != Weakness.NoInbox && Database.Inbox.Find((eventId, consumer)) is not null;
            return null;
        }, ct);

    public bool IsDuplicate(Exception failure) => failure is UniqueViolationException { Table: "inbox" };

    public bool IsUnavailable(Exception failure) => failure is LinkLostException;

    public ValueTask DisposeAsync() => _handle?.DisposeAsync() ?? default;
}
