using Npgsql;

namespace Shop.Ordering.Tests;

/// <summary>The migrate command on databases in different states.</summary>
public sealed class MigrateCommandTests
{
    private const string History = """
        CREATE TABLE "__EFMigrationsHistory" ("MigrationId" varchar(150) PRIMARY KEY, "ProductVersion" varchar(32) NOT NULL);
        INSERT INTO "__EFMigrationsHistory" VALUES ('20261122024905_Initial', '10.0.14'), ('20261124061000_PartitionInbox', '10.0.14');
        """;

    /// <summary>Several pods of a new version start together, each with a run of migrate before it.</summary>
    [Fact]
    public async Task Concurrent_migrations_all_succeed()
    {
        await using var database = await TestServers.CreateDatabaseAsync("together");

        await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => MigratedDatabases.MigrateAsync<Program>(database)));

        await using var alone = await MigratedDatabases.CreateAsync<Program>();
        Assert.Equal(await MigrationsAsync(alone), await MigrationsAsync(database));
    }

    /// <summary>Also where concurrent runs happen not to meet.</summary>
    [Fact]
    public async Task A_migration_waits_for_the_one_that_is_running()
    {
        await using var database = await TestServers.CreateDatabaseAsync("together");
        var running = new NpgsqlConnection(database.ConnectionString + ";Pooling=false");
        await running.OpenAsync();
        await using var takeLock = new NpgsqlCommand($"SELECT pg_advisory_lock({0x53484F50}, 1000)", running); // ExclusiveMigration's
        await takeLock.ExecuteNonQueryAsync();

        var waiting = MigratedDatabases.MigrateAsync<Program>(database);
        await Eventually.HoldsAsync("it polls for the lock", () => database.ScalarAsync<bool>("""
            SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'migrate'
                AND query LIKE '%pg_try_advisory_lock%' AND query_start > backend_start + interval '1 second')
            """));
        Assert.Empty(await TablesAsync(database));

        await running.DisposeAsync();
        await waiting;
        Assert.NotEmpty(await TablesAsync(database));
    }

    [Theory]
    [InlineData(History, "20261122024905_Initial, 20261124061000_PartitionInbox")]
    [InlineData("CREATE TABLE orders (id uuid); CREATE TABLE customers (id text);", "customers, orders")]
    public async Task A_database_of_an_earlier_development_state_is_rejected_with_the_remedy(string found, string named)
    {
        await using var database = await TestServers.CreateDatabaseAsync("earlier");
        await database.ExecuteAsync(found);
        var before = await TablesAsync(database);

        var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => MigratedDatabases.MigrateAsync<Program>(database));

        Assert.Contains("ended with 1:", refused.Message, StringComparison.Ordinal);
        Assert.Contains($"The database '{database.Name}' has", refused.Message, StringComparison.Ordinal);
        Assert.Contains($"({named})", refused.Message, StringComparison.Ordinal);
        Assert.Contains("'./shop reset'", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", refused.Message, StringComparison.Ordinal); // no stack trace
        Assert.Equal(before, await TablesAsync(database));
    }

    [Fact]
    public async Task After_a_rollback_the_older_version_does_not_change_the_newer_versions_database()
    {
        await using var database = await MigratedDatabases.CreateAsync<Program>();
        await database.ExecuteAsync("""INSERT INTO "__EFMigrationsHistory" VALUES ('29990101000000_OfTheNewerVersion', '10.0.14')""");
        var before = await TablesAsync(database);

        await MigratedDatabases.MigrateAsync<Program>(database);

        Assert.Equal(before, await TablesAsync(database));
    }

    private static Task<IReadOnlyList<string>> MigrationsAsync(TestDatabase database) =>
        database.RowsAsync("SELECT \"MigrationId\" FROM \"__EFMigrationsHistory\" ORDER BY 1");

    private static Task<IReadOnlyList<string>> TablesAsync(TestDatabase database) => database.RowsAsync("""
        SELECT table_name, string_agg(column_name, ' ' ORDER BY ordinal_position) FROM information_schema.columns
        WHERE table_schema = 'public' GROUP BY table_name ORDER BY 1
        """);
}
