namespace Shop.Ordering.Tests;

/// <summary>Several pods of a new version start together, each with a run of migrate before it (docs/adr/0016).</summary>
public sealed class MigrateTogetherTests
{
    [Fact]
    public async Task Runs_of_migrate_at_the_same_time_all_end_well()
    {
        await using var database = await TestServers.CreateDatabaseAsync("together");

        await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => MigratedDatabases.MigrateAsync<Program>(database)));

        await using var alone = await MigratedDatabases.CreateAsync<Program>();
        Assert.Equal(await MigrationsAsync(alone), await MigrationsAsync(database));
    }

    private static Task<IReadOnlyList<string>> MigrationsAsync(TestDatabase database) =>
        database.RowsAsync("SELECT \"MigrationId\" FROM \"__EFMigrationsHistory\" ORDER BY 1");
}
