using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.EntityFrameworkCore.Update;
using Npgsql;
using Npgsql.EntityFrameworkCore.PostgreSQL.Update.Internal;

namespace Shop.Messaging.UnitOfWork;

#pragma warning disable EF1001 // as in SingleRoundTripBatchFactory

/// <summary>
/// Saves without BEGIN and COMMIT where one round trip is one transaction by itself: PostgreSQL commits all that is sent before
/// one Sync together, or nothing of it. That is so for a save that is one batch, outside of any transaction, and only inserts: how
/// many rows an update met is checked here, when the server has committed already. See docs/adr/0005.
/// A transaction whose last batch only inserts ends with it for the same reason: its COMMIT is sent along (docs/adr/0005).
/// </summary>
/// <remarks>
/// Rows that follow each other into one table go in one statement: the server prepares a statement's checks anew each time that it
/// runs, which may cost more than the row. See docs/adr/0005.
/// </remarks>
internal sealed class SingleRoundTripBatch(ModificationCommandBatchFactoryDependencies dependencies, int maxBatchSize)
    : NpgsqlModificationCommandBatch(dependencies, maxBatchSize)
{
    /// <summary>How many commands each statement carries out.</summary>
    private readonly List<int> _sizes = [];

    private readonly List<IReadOnlyModificationCommand> _pending = [];

    /// <summary>Whose transaction ends with this batch; null if it goes on, or is committed by itself.</summary>
    private CommitProtocol? _commits;

    /// <summary>EF asks this of a save that is one batch; several always get a transaction.</summary>
    public override bool RequiresTransaction =>
        ModificationCommands.Count > 1 && !OnlyInserts;

    private bool OnlyInserts => ModificationCommands.All(command => command.EntityState == EntityState.Added);

    public override void Complete(bool moreBatchesExpected)
    {
        AddPending();
        if (!moreBatchesExpected && OnlyInserts && CommitProtocol.Of(Dependencies.CurrentContext.Context) is { EndsWithCommit: true } protocol)
        {
            _commits = protocol;
            SqlBuilder.Append("COMMIT;");
        }

        base.Complete(moreBatchesExpected);
    }

    protected override void AddCommand(IReadOnlyModificationCommand modificationCommand)
    {
        if (_pending.Count > 0 && !InsertOfRows.MayFollow(_pending[0], modificationCommand))
        {
            AddPending();
        }

        _pending.Add(modificationCommand);
    }

    protected override void Consume(RelationalDataReader reader) =>
        throw new NotSupportedException("Use SaveChangesAsync: domain event handlers are asynchronous.");

    protected override async Task ConsumeAsync(RelationalDataReader reader, CancellationToken cancellationToken = default)
    {
        var last = -1;
        for (var statement = 0; statement < _sizes.Count; statement++)
        {
            last += _sizes[statement];
            await ConsumeAsync(reader, statement, last, cancellationToken);
        }

        // A constraint that is checked at the end fails after the last result: only who reads on hears of it.
        while (await reader.DbDataReader.NextResultAsync(cancellationToken))
        {
            // Nothing is left but the end.
        }

        _commits?.CommitSent();
    }

    private async Task ConsumeAsync(RelationalDataReader reader, int statement, int last, CancellationToken ct)
    {
        if (ResultSetMappings[statement].HasFlag(ResultSetMapping.HasResultRow))
        {
            if (!await reader.ReadAsync(ct))
            {
                await ThrowAggregateUpdateConcurrencyExceptionAsync(reader, last, 1, 0, ct);
            }

            ModificationCommands[last].PropagateResults(reader);
            await reader.DbDataReader.NextResultAsync(ct);
            return;
        }

#pragma warning disable CS0618 // nothing else says how many rows one statement of several met
        var rows = (int)((NpgsqlDataReader)reader.DbDataReader).Statements[statement].Rows;
#pragma warning restore CS0618
        if (rows != _sizes[statement])
        {
            await ThrowAggregateUpdateConcurrencyExceptionAsync(reader, last, _sizes[statement], rows, ct);
        }
    }

    private void AddPending()
    {
        if (_pending.Count == 1)
        {
            base.AddCommand(_pending[0]);
        }
        else if (_pending.Count > 1)
        {
            InsertOfRows.Append(SqlBuilder, RelationalCommandBuilder, Dependencies.SqlGenerationHelper, _pending);
            ResultSetMappings.Add(ResultSetMapping.NoResults);
        }

        if (_pending.Count > 0)
        {
            _sizes.Add(_pending.Count);
            _pending.Clear();
        }
    }
}
