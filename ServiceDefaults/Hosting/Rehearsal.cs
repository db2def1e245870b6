using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Shop.ServiceDefaults.Hosting;

/// <summary>
/// Does a service's frequent work once at the start, in a transaction that is rolled back, so that not the first customers wait for EF Core to
/// prepare its statements and for the just-in-time compiler. Nothing of it is in a trace: it did not happen.
/// </summary>
/// <typeparam name="TContext">The service's DbContext.</typeparam>
/// <param name="scopes">Its services.</param>
/// <param name="logger">Where a rehearsal that failed is a debug message: the first customers wait, then.</param>
public abstract partial class Rehearsal<TContext>(IServiceScopeFactory scopes, ILogger logger) : BackgroundService
    where TContext : DbContext
{
    /// <summary>The work, with made-up names that no other rehearsal has: two instances would wait for each other.</summary>
    /// <param name="services">The scope's services.</param>
    /// <param name="db">In the transaction.</param>
    /// <param name="ct">Cancels.</param>
    protected abstract Task RehearseAsync(IServiceProvider services, TContext db, CancellationToken ct);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var unsampled = new Activity("rehearsal").Start(); // what is below it is not recorded either
        try
        {
            await using var scope = scopes.CreateAsyncScope();
            var db = scope.ServiceProvider.GetRequiredService<TContext>();
            await using var transaction = await db.Database.BeginTransactionAsync(stoppingToken);
            await RehearseAsync(scope.ServiceProvider, db, stoppingToken);
            await transaction.RollbackAsync(stoppingToken);
        }
        catch (Exception e)
        {
            LogNotRehearsed(e.GetBaseException().Message);
        }
    }

    [LoggerMessage(LogLevel.Debug, "Nothing was rehearsed: {Reason}")]
    private partial void LogNotRehearsed(string reason);
}
