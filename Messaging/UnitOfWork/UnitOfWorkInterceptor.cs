using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Shop.Messaging.UnitOfWork;

/// <summary>Calls the <see cref="CommitProtocol"/> of a context as it saves and commits: one interceptor for all contexts.</summary>
internal sealed class UnitOfWorkInterceptor : SaveChangesInterceptor, IDbTransactionInterceptor
{
    public override async ValueTask<InterceptionResult<int>> SavingChangesAsync(
        DbContextEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
    {
        await Of(eventData).SavingAsync(eventData.Context!, cancellationToken);
        return result;
    }

    public override InterceptionResult<int> SavingChanges(DbContextEventData eventData, InterceptionResult<int> result) =>
        throw new NotSupportedException("Use SaveChangesAsync: domain event handlers are asynchronous.");

    public override async ValueTask<int> SavedChangesAsync(
        SaveChangesCompletedEventData eventData, int result, CancellationToken cancellationToken = default)
    {
        await Of(eventData).SavedAsync(eventData.Context!);
        return result;
    }

    public override Task SaveChangesFailedAsync(DbContextErrorEventData eventData, CancellationToken cancellationToken = default)
    {
        Of(eventData).SaveFailed();
        return Task.CompletedTask;
    }

    async ValueTask<InterceptionResult> IDbTransactionInterceptor.TransactionCommittingAsync(
        DbTransaction transaction, TransactionEventData eventData, InterceptionResult result, CancellationToken cancellationToken) =>
        await Of(eventData).TrySendCommitAsync(transaction, cancellationToken) ? InterceptionResult.Suppress() : result;

    Task IDbTransactionInterceptor.TransactionCommittedAsync(
        DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken) => Of(eventData).CommittedAsync();

    Task IDbTransactionInterceptor.TransactionRolledBackAsync(
        DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken) => RolledBackAsync(eventData);

    Task IDbTransactionInterceptor.RolledBackToSavepointAsync(
        DbTransaction transaction, TransactionEventData eventData, CancellationToken cancellationToken) => RolledBackAsync(eventData);

    private static Task RolledBackAsync(DbContextEventData eventData)
    {
        Of(eventData).RolledBack();
        return Task.CompletedTask;
    }

    private static CommitProtocol Of(DbContextEventData eventData) => CommitProtocol.Of(eventData.Context!)
        ?? throw new InvalidOperationException($"{eventData.Context!.GetType().Name} has no unit of work. Inject it instead of creating it.");
}
