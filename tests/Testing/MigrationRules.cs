using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql;

namespace Shop.Testing;

/// <summary>Rules for every service's migrations. Each method returns the violations.</summary>
public static class MigrationRules
{
    // The service's objects, its own schemas included; partitions and indexes belong to their tables.
    private const string Objects = """
        SELECT relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace
            WHERE relkind IN ('r', 'p', 'S') AND NOT relispartition AND nspname !~ '^pg_' AND nspname <> 'information_schema' AND relname <> '__EFMigrationsHistory'
        UNION ALL SELECT proname FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = pronamespace
            WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
        UNION ALL SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')
        ORDER BY 1
        """;

    /// <summary>The tables match the model, with its check constraints and valid indexes; reverted, nothing is left.</summary>
    public static async Task<IReadOnlyList<string>> MatchModelAndRevertAsync<TContext>(Func<DbContextOptions<TContext>, TContext> context)
        where TContext : DbContext
    {
        await using var database = await TestServers.CreateDatabaseAsync("migrations");
        await using var db = Open(database, context);
        List<string> faults = [];
        if (db.Database.HasPendingModelChanges())
        {
            faults.Add("The model has changes without a migration: see docs/migrations.md");
        }

        await db.Database.MigrateAsync();
        var constraints = await database.RowsAsync("SELECT DISTINCT conname FROM pg_constraint WHERE contype = 'c' AND convalidated");
        faults.AddRange(db.GetService<IDesignTimeModel>().Model.GetEntityTypes().SelectMany(entity => entity.GetCheckConstraints())
            .Select(constraint => constraint.Name!).Except(constraints).Select(name => $"There is no valid constraint {name}"));
        faults.AddRange((await database.RowsAsync("SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid")).Select(name => $"The index {name} is not valid"));

        await db.GetService<IMigrator>().MigrateAsync(Migration.InitialDatabase);
        faults.AddRange((await database.RowsAsync(Objects)).Select(name => $"Reverted, it leaves {name}"));
        return faults;
    }

    /// <summary>
    /// A database that the first version has filled is migrated while that version still runs: its rows stay, and its statements still work.
    /// </summary>
    /// <param name="context">Makes the context.</param>
    /// <param name="statement">What the first version writes, besides outbox and inbox.</param>
    public static async Task<IReadOnlyList<string>> LeaveTheFirstVersionWorkingAsync<TContext>(
        Func<DbContextOptions<TContext>, TContext> context, string? statement = null)
        where TContext : DbContext
    {
        string[] writes =
        [
            "INSERT INTO outbox (position, event_id, stream, partition, type, headers, body) VALUES (0, gen_random_uuid(), 'a', 1, 'b', '{}', '')",
            "INSERT INTO inbox (event_id, consumer, processed_at) SELECT gen_random_uuid(), 'a', now()", // in the default partition
            "INSERT INTO inbox (event_id, consumer, processed_at) SELECT first_event_id((now() AT TIME ZONE 'UTC')::date), gen_random_uuid()::text, now()",
            .. statement is null ? (string[])[] : [statement],
        ];
        await using var database = await TestServers.CreateDatabaseAsync("migrations");
        await using var db = Open(database, context);
        await db.GetService<IMigrator>().MigrateAsync(db.Database.GetMigrations().First());
        foreach (var write in writes)
        {
            await database.ExecuteAsync(write);
        }

        await db.Database.MigrateAsync();
        List<string> faults = [];
        foreach (var write in writes)
        {
            await database.ExecuteAsync(write);
        }

        // A new partition, and what becomes of an old one, by the functions of the first version.
        await database.ExecuteAsync("SELECT ensure_inbox_partitions((now() AT TIME ZONE 'UTC')::date, (now() AT TIME ZONE 'UTC')::date + 20)");
        await database.ExecuteAsync("SELECT drop_old_inbox_partition(now(), 10)");
        if (await database.ScalarAsync<long>("SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM inbox)") is var rows && rows != 6)
        {
            faults.Add($"{rows} rows, and not the three before and the three after the migration");
        }

        return faults;
    }

    /// <summary>A run that is interrupted near its end leaves nothing behind, and the next one succeeds.</summary>
    public static async Task<IReadOnlyList<string>> CanBeRerunAsync<TContext>(Func<DbContextOptions<TContext>, TContext> context)
        where TContext : DbContext
    {
        await using var database = await TestServers.CreateDatabaseAsync("migrations");
        await using var db = Open(database, context);
        await database.ExecuteAsync("CREATE TABLE idempotency_keys (in_the_way integer)");
        List<string> faults = [];
        try
        {
            await db.Database.MigrateAsync();
            faults.Add("The migration was not interrupted, so nothing was tested");
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.DuplicateTable)
        {
        }

        faults.AddRange((await database.RowsAsync(Objects)).Where(name => name != "idempotency_keys").Select(name => $"Interrupted, it leaves {name}"));
        await database.ExecuteAsync("DROP TABLE idempotency_keys");
        await db.Database.MigrateAsync();
        faults.AddRange((await db.Database.GetPendingMigrationsAsync()).Select(name => $"{name} is still missing"));
        return faults;
    }

    private static TContext Open<TContext>(TestDatabase database, Func<DbContextOptions<TContext>, TContext> context)
        where TContext : DbContext =>
        context(new DbContextOptionsBuilder<TContext>().UseNpgsql(database.ConnectionString).Options);
}
