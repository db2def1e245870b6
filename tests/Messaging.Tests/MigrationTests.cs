using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Shop.Messaging.Tests;

/// <summary>A migration runs while instances of the previous version write to its table.</summary>
public sealed class MigrationTests
{
    private const string Insert = "INSERT INTO things (id) VALUES (gen_random_uuid())"; // as the previous version does

    [Fact]
    public async Task A_migration_that_waits_for_its_table_yields_to_writers_and_retries()
    {
        await using var database = await TestServers.CreateDatabaseAsync("migrations");
        await using var db = new ThingsDbContext(
            new DbContextOptionsBuilder<ThingsDbContext>().UseNpgsql(database.ConnectionString).Options);
        await db.GetService<IMigrator>().MigrateAsync(CreateThings.Id);
        await using var holder = new NpgsqlConnection(database.ConnectionString);
        await holder.OpenAsync();
        await using var held = await holder.BeginTransactionAsync();
        await using var insert = new NpgsqlCommand(Insert, holder, held);
        await insert.ExecuteNonQueryAsync();

        var migrating = UnitOfWork.Migration.ApplyAsync(db, NullLogger.Instance, TimeProvider.System, CancellationToken.None);
        await Eventually.HoldsAsync("the migration waits for the table", () => WaitsAsync(database));

        // Queued behind the waiting migration, while the transaction that blocks it is still open.
        await database.ExecuteAsync(Insert).WaitAsync(TimeSpan.FromMinutes(1));
        Assert.False(migrating.IsCompleted);

        await held.CommitAsync();
        await migrating;
        await database.ExecuteAsync(Insert);
        Assert.Equal(3, await database.ScalarAsync<long>("SELECT count(*) FROM things WHERE note IS NULL"));
    }

    private static Task<bool> WaitsAsync(TestDatabase database) => database.ScalarAsync<bool>(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'things'::regclass AND mode = 'AccessExclusiveLock')");

    private sealed class ThingsDbContext(DbContextOptions<ThingsDbContext> options) : DbContext(options);

    [DbContext(typeof(ThingsDbContext))]
    [Migration(Id)]
    private sealed class CreateThings : Migration
    {
        public const string Id = "20260101000000_CreateThings";

        protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.Sql("CREATE TABLE things (id uuid PRIMARY KEY)");
    }

    [DbContext(typeof(ThingsDbContext))]
    [Migration("20260102000000_AddNote")]
    private sealed class AddNote : Migration
    {
        protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.Sql("ALTER TABLE things ADD COLUMN note text");
    }
}
