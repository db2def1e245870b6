using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Polly;
using Polly.Retry;
using Shop.Messaging.Relay;
using Shop.Messaging.UnitOfWork;

namespace Shop.ServiceDefaults.Hosting;

/// <summary>
/// The <c>migrate</c> command. Where pods start in any order the database may be there minutes later, and so may the service's login:
/// the command waits for both, with one line for each attempt.
/// </summary>
internal static class MigrateCommand
{
    /// <summary>How long migrate retries while the database is unreachable; five minutes by default.</summary>
    private const string Patience = "Database:MigrateRetries";

    private static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(10);

    /// <summary>Migrates the database; the process's exit code.</summary>
    public static async Task<int> RunAsync<TContext>(WebApplication app, CancellationToken stopping)
        where TContext : DbContext
    {
        var clock = app.Services.GetRequiredService<TimeProvider>();
        var failures = app.Services.GetRequiredService<StartupFailures>();
        var giveUp = clock.GetUtcNow() + app.Configuration.GetValue(Patience, TimeSpan.FromMinutes(5));
        var retrying = new ResiliencePipelineBuilder { TimeProvider = clock }
            .AddRetry(new RetryStrategyOptions
            {
                ShouldHandle = new PredicateBuilder().Handle<Exception>(e => IsTooEarly(e) && clock.GetUtcNow() < giveUp),
                MaxRetryAttempts = int.MaxValue,
                BackoffType = DelayBackoffType.Exponential,
                Delay = TimeSpan.FromSeconds(1),
                MaxDelay = s_longestPause,
                OnRetry = retry =>
                {
                    failures.Write($"{failures.Explain(retry.Outcome.Exception!)} Next attempt in {retry.RetryDelay.TotalSeconds:0} s.");
                    return ValueTask.CompletedTask;
                },
            })
            .Build();
        return await retrying.ExecuteAsync(async ct => await MigrateAsync<TContext>(app, failures, clock, ct), stopping);
    }

    /// <summary>Also a login that does not exist: CloudNativePG creates those of <c>managed.roles</c> after the database accepts connections.</summary>
    private static bool IsTooEarly(Exception exception) => Transient.IsDatabaseUnavailable(exception) || StartupFailures.LacksLogin(exception);

    private static async Task<int> MigrateAsync<TContext>(WebApplication app, StartupFailures failures, TimeProvider clock, CancellationToken ct)
        where TContext : DbContext
    {
        await using var scope = app.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<TContext>();
        string? refusal = null;
        await ExclusiveMigration.RunAsync(db, async () =>
        {
            refusal = await MigrationHistory.RefusalAsync(db, ct);
            if (refusal is null)
            {
                await Migration.ApplyAsync(db, app.Logger, clock, ct);
                await app.Services.GetRequiredService<IRelayPreparation>().PrepareAsync(ct);
                await GrantAsync<TContext>(app, ct);
            }
        }, app.Logger, clock, ct);
        if (refusal is not null)
        {
            failures.Write(refusal);
        }

        return refusal is null ? 0 : 1;
    }

    // After the relay's preparation, which creates functions too.
    private static async Task GrantAsync<TContext>(WebApplication app, CancellationToken ct)
        where TContext : DbContext
    {
        if (app.Configuration[RuntimeRole.Setting] is { Length: > 0 } role)
        {
            await using var scope = app.Services.CreateAsyncScope();
            await RuntimeRole.GrantAsync(scope.ServiceProvider.GetRequiredService<TContext>(), role, ct);
        }
    }
}
