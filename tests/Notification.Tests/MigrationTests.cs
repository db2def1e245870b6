using Shop.Notification.Persistence;

namespace Shop.Notification.Tests;

public sealed class MigrationTests
{
    [Fact]
    public async Task The_migrations_make_what_the_model_says_and_can_be_undone() =>
        Assert.Empty(await MigrationRules.MakeTheModelAndCanBeUndoneAsync<NotificationDbContext>(options => new(options)));

    [Fact]
    public async Task A_migration_that_broke_off_leaves_nothing_and_runs_again() =>
        Assert.Empty(await MigrationRules.CanBeRunAgainAsync<NotificationDbContext>(options => new(options)));
}
