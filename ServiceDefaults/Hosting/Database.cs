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
    /// How long a statement waits for a lock. Shorter than a command's own time, so that a lock that is held for too long is not
    /// taken for a database that does not answer.
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
            .ConfigureWarnings(warnings => warnings.Log( // many are a lost race, and who handles a real one logs it
                (CoreEventId.SaveChangesFailed, LogLevel.Debug), (RelationalEventId.CommandError, LogLevel.Debug))));
        builder.Services.AddHealthChecks().AddCheck<DatabaseCheck<TContext>>("database", tags: [HttpDefaults.ReadyTag]);
    }

    /// <summary>
    /// A service sends the same few statements again and again: planning each of them once saves the database work. So does not
    /// resetting a session at its return to the pool, some six statements each time: nothing here leaves state in a session. What
    /// does (locks, LISTEN, settings of a session) has a connection of its own; settings and locks elsewhere are a transaction's.
    /// Options that the connection string has already win.
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

        settings.Options = $"-c lock_timeout={(int)LockTimeout.TotalMilliseconds} {settings.Options}".TrimEnd(); // the last one given wins
        return settings.ConnectionString;
    }

    private static string? Snake(string? name) => name is null ? null : JsonNamingPolicy.SnakeCaseLower.ConvertName(name);

    private sealed class DatabaseCheck<TContext>(TContext db) : IHealthCheck
        where TContext : DbContext
    {
        public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
            await db.Database.CanConnectAsync(cancellationToken)
                ? HealthCheckResult.Healthy()
                : HealthCheckResult.Unhealthy("The database cannot be reached.");
    }
}
