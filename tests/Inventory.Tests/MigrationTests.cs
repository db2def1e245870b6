using Shop.Inventory.Persistence;

namespace Shop.Inventory.Tests;

public sealed class MigrationTests
{
    [Fact]
    public async Task The_migrations_make_what_the_model_says_and_can_be_undone() =>
        Assert.Empty(await MigrationRules.MakeTheModelAndCanBeUndoneAsync<InventoryDbContext>(options => new(options)));

    [Fact]
    public async Task A_migration_that_broke_off_leaves_nothing_and_runs_again() =>
        Assert.Empty(await MigrationRules.CanBeRunAgainAsync<InventoryDbContext>(options => new(options)));
}
