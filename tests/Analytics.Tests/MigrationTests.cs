using Shop.Analytics.Persistence;

namespace Shop.Analytics.Tests;

public sealed class MigrationTests
{
    [Fact]
    public async Task The_migrations_match_the_model_and_can_be_reverted() =>
        Assert.Empty(await MigrationRules.MatchModelAndRevertAsync<AnalyticsDbContext>(options => new(options)));

    [Fact]
    public async Task An_interrupted_migration_leaves_nothing_and_can_be_rerun() =>
        Assert.Empty(await MigrationRules.CanBeRerunAsync<AnalyticsDbContext>(options => new(options)));

    [Fact]
    public async Task The_first_version_works_while_and_after_the_database_is_migrated() =>
        Assert.Empty(await MigrationRules.LeaveTheFirstVersionWorkingAsync<AnalyticsDbContext>(options => new(options), """
            INSERT INTO event_log (event_id, occurred_at, type, aggregate_id, aggregate_version, body, received_at, epoch)
            VALUES (gen_random_uuid(), now(), 'a', 'b', 1, '{}', now(), 0)
            """));
}
