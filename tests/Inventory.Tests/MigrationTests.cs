using Shop.Inventory.Persistence;

namespace Shop.Inventory.Tests;

public sealed class MigrationTests
{
    [Fact]
    public async Task The_migrations_match_the_model_and_can_be_reverted() =>
        Assert.Empty(await MigrationRules.MatchModelAndRevertAsync<InventoryDbContext>(options => new(options)));

    [Fact]
    public async Task An_interrupted_migration_leaves_nothing_and_can_be_rerun() =>
        Assert.Empty(await MigrationRules.CanBeRerunAsync<InventoryDbContext>(options => new(options)));

    [Fact]
    public async Task The_first_version_works_while_and_after_the_database_is_migrated() =>
        Assert.Empty(await MigrationRules.LeaveTheFirstVersionWorkingAsync<InventoryDbContext>(options => new(options)));
}
