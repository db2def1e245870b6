using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Shop.Benchmarks.Model;

/// <summary>Is called after each commit of a context.</summary>
internal abstract class CommitInterceptor : DbTransactionInterceptor, ISaveChangesInterceptor
{
    public override Task TransactionCommittedAsync(
        DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        Note(eventData.Context);
        return Task.CompletedTask;
    }

    /// <summary>Where there is no transaction besides that of the save.</summary>
    public ValueTask<int> SavedChangesAsync(
        SaveChangesCompletedEventData eventData, int result, CancellationToken cancellationToken = default)
    {
        if (eventData.Context?.Database.CurrentTransaction is null)
        {
            Note(eventData.Context);
        }

        return ValueTask.FromResult(result);
    }

    protected abstract void Note(DbContext? context);
}
