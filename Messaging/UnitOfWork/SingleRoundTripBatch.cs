using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.EntityFrameworkCore.Update;
using Npgsql;
using Npgsql.EntityFrameworkCore.PostgreSQL.Update.Internal;

namespace Shop.Messaging.UnitOfWork;

#pragma warning disable EF1001 // as in SingleRoundTripBatchFactory

/// <summary>
/// Saves without BEGIN and COMMIT where one round trip is an implicit transaction: PostgreSQL commits all that is sent before
/// one Sync together, or nothing of it. It applies to a save that is one batch, outside of any transaction, and only inserts: how
/// many rows an update affected is checked here, when the server has committed already. See docs/adr/0005.
/// A transaction whose last batch only inserts ends with it for the same reason: its COMMIT is sent along (docs/adr/0005).
/// </summary>
/// <remarks>
/// Consecutive rows of one table are inserted, or updated, by one statement: the server initializes a statement's constraint checks each time it
/// runs, which may cost more than the row. See docs/adr/0005.
/// </remarks>
internal sealed class SingleRoundTripBatch(ModificationCommandBatchFactoryDependencies dependencies, int maxBatchSize)
    : NpgsqlModificationCommandBatch(dependencies, maxBatchSize)
{
    /// <summary>How many commands each statement contains.</summary>
    private readonly List<int> _sizes = [];

    private readonly List<IReadOnlyModificationCommand> _pending = [];

    /// <summary>The unit of work whose transaction this batch commits; null if it does not.</summary>
    private CommitProtocol? _commits;

    /// <summary>Only for saves that are one batch; EF begins a transaction for several.</summary>
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
        if (_pending.Count > 0 && !CanCombine(_pending[0], modificationCommand))
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

        // A deferred constraint fails after the last result, so the results are read to the end.
        while (await reader.DbDataReader.NextResultAsync(cancellationToken))
        {
            // Empty on purpose.
        }

        _commits?.MarkCommitted();
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

#pragma warning disable CS0618 // the only API for the rows affected by one statement of a batch
        var rows = (int)((NpgsqlDataReader)reader.DbDataReader).Statements[statement].Rows;
#pragma warning restore CS0618
        if (rows != _sizes[statement])
        {
            await ThrowAggregateUpdateConcurrencyExceptionAsync(reader, last, _sizes[statement], rows, ct);
        }
    }

    /// <summary>Whether one statement can write both rows: it writes, or compares, the same columns of both.</summary>
    private static bool CanCombine(IReadOnlyModificationCommand first, IReadOnlyModificationCommand next) =>
        first.EntityState == next.EntityState && first.TableName == next.TableName && first.Schema == next.Schema
        && first.ColumnModifications.Count == next.ColumnModifications.Count
        && first.EntityState switch
        {
            EntityState.Added => AllColumns(first, next, MultiRowInsert.CanCarry),
            EntityState.Modified => MultiRowUpdate.CanUpdate(first) && AllColumns(first, next, MultiRowUpdate.CanCarry),
            _ => false,
        };

    private static bool AllColumns(IReadOnlyModificationCommand first, IReadOnlyModificationCommand next, Func<IColumnModification, bool> canCarry)
    {
        for (var i = 0; i < first.ColumnModifications.Count; i++)
        {
            var (column, other) = (first.ColumnModifications[i], next.ColumnModifications[i]);
            if (column.ColumnName != other.ColumnName || column.IsWrite != other.IsWrite || column.IsCondition != other.IsCondition
                || !canCarry(column) || !canCarry(other))
            {
                return false;
            }
        }

        return true;
    }

    private void AddPending()
    {
        if (_pending.Count == 1)
        {
            base.AddCommand(_pending[0]);
        }
        else if (_pending.Count > 1)
        {
            if (_pending[0].EntityState == EntityState.Added)
            {
                MultiRowInsert.Append(SqlBuilder, RelationalCommandBuilder, Dependencies.SqlGenerationHelper, _pending);
            }
            else
            {
                MultiRowUpdate.Append(SqlBuilder, RelationalCommandBuilder, Dependencies.SqlGenerationHelper, _pending);
            }

            ResultSetMappings.Add(ResultSetMapping.NoResults);
        }

        if (_pending.Count > 0)
        {
            _sizes.Add(_pending.Count);
            _pending.Clear();
        }
    }
}
