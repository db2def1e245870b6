using Shop.Ordering.Persistence;

namespace Shop.Ordering.Tests;

public sealed class MigrationTests
{
    [Fact]
    public async Task The_migrations_match_the_model_and_can_be_reverted() =>
        Assert.Empty(await MigrationRules.MatchModelAndRevertAsync<OrderingDbContext>(options => new(options)));

    [Fact]
    public async Task An_interrupted_migration_leaves_nothing_and_can_be_rerun() =>
        Assert.Empty(await MigrationRules.CanBeRerunAsync<OrderingDbContext>(options => new(options)));

    [Fact]
    public async Task The_first_version_works_while_and_after_the_database_is_migrated() =>
        Assert.Empty(await MigrationRules.LeaveTheFirstVersionWorkingAsync<OrderingDbContext>(options => new(options), """
            WITH placed AS (
                INSERT INTO orders (id, customer_id, status, discount, total, currency, placed_at, version)
                VALUES (gen_random_uuid(), 'ada', 'Placed', 0, 8, 'EUR', now(), 1) RETURNING id)
            INSERT INTO order_lines (order_id, sku, name, quantity, unit_price, currency) SELECT id, 'TEA-1', 'Tea', 2, 4, 'EUR' FROM placed
            """));
}
