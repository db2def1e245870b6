using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Update;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using Npgsql;
using Shop.Messaging.UnitOfWork;
using Shop.ServiceDefaults.Http;

namespace Shop.ServiceDefaults.Hosting;

/// <summary>The service's own PostgreSQL database.</summary>
public static class Database
{
    /// <summary>
    /// How long a statement waits for a lock. Shorter than the command timeout, so that a lock timeout is not
    /// mistaken for an unavailable database.
    /// </summary>
    internal static readonly TimeSpan LockTimeout = TimeSpan.FromSeconds(20);

    /// <summary>Gives tables, columns, keys and indexes the names that PostgreSQL users expect. Call it last in OnModelCreating.</summary>
    public static void UseSnakeCaseNames(this ModelBuilder model)
    {
        ArgumentNullException.ThrowIfNull(model);
        foreach (var entity in model.Model.GetEntityTypes().Where(entity => !entity.IsMappedToJson()))
        {
            entity.SetTableName(Snake(entity.GetTableName()));
            foreach (var property in entity.GetProperties())
            {
                property.SetColumnName(Snake(property.GetColumnName()));
            }

            foreach (var key in entity.GetKeys())
            {
                key.SetName(Snake(key.GetName()));
            }

            foreach (var foreignKey in entity.GetForeignKeys())
            {
                foreignKey.SetConstraintName(Snake(foreignKey.GetConstraintName()));
            }

            foreach (var index in entity.GetIndexes())
            {
                index.SetDatabaseName(Snake(index.GetDatabaseName()));
            }
        }
    }

    internal static void AddDatabase<TContext>(this WebApplicationBuilder builder)
        where TContext : DbContext
    {
        builder.Services.AddDbContextPool<TContext>((services, options) => options
            .UseNpgsql(Tuned(services.GetRequiredService<IConfiguration>().GetConnectionString("Database")))
            .ConfigureWarnings(warnings => warnings.Log( // many are conflicts or one outage; the handler of a real error logs it
                (CoreEventId.SaveChangesFailed, LogLevel.Debug), (RelationalEventId.CommandError, LogLevel.Debug),
                (RelationalEventId.ConnectionError, LogLevel.Debug), (CoreEventId.QueryIterationFailed, LogLevel.Debug))));
        builder.Services.AddHealthChecks().AddCheck<DatabaseCheck<TContext>>("database", tags: [HttpDefaults.ReadyTag]);
    }

    /// <summary>
    /// A service repeats the same few statements: preparing each of them once saves the database work. So does not
    /// resetting a session on its return to the pool, some six statements each time: nothing here leaves state in a pooled session. What
    /// does (session locks, LISTEN, session settings) has its own connection; other locks and settings end with their transaction.
    /// Options of the connection string take precedence.
    /// </summary>
    private static string Tuned(string? connectionString)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString);
        if (!settings.ShouldSerialize("Max Auto Prepare"))
        {
            settings.MaxAutoPrepare = 100;
        }

        if (!settings.ShouldSerialize("No Reset On Close"))
        {
            settings.NoResetOnClose = true;
        }

        // A prepared statement keeps the plan that was made while a table was new, and reads the whole table until it is analysed. With
        // this setting only what no index serves does so. The last option takes precedence.
        settings.Options = $"-c lock_timeout={(int)LockTimeout.TotalMilliseconds} -c enable_seqscan=off {settings.Options}".TrimEnd();
        return settings.ConnectionString;
    }

    private static string? Snake(string? name) => name is null ? null : JsonNamingPolicy.SnakeCaseLower.ConvertName(name);

    private sealed class DatabaseCheck<TContext>(TContext db) : IHealthCheck
        where TContext : DbContext
    {
        public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
            await db.Database.CanConnectAsync(cancellationToken)
                ? HealthCheckResult.Healthy()
                : HealthCheckResult.Unhealthy("The database is unreachable.");
    }
}
