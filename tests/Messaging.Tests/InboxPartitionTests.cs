using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Npgsql;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging.Inbox;
using Shop.Messaging.Operations;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>The inbox has a partition per day of its events; old rows are dropped with their partition, and duplicates are still detected.</summary>
public sealed class InboxPartitionTests : MessagingTest
{
    private const string Partitions = "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = 'inbox'::regclass ORDER BY relname";

    /// <summary>Noon of the day on which the database was migrated: a test that runs over midnight keeps this day.</summary>
    private DateTimeOffset _now;

    [Fact]
    public async Task Every_day_from_yesterday_to_a_week_ahead_has_a_partition()
    {
        var service = await MigratedAsync();
        await Database.ExecuteAsync($"DROP TABLE {Name(_now)}, {Name(_now.AddDays(3))}");

        // Each waits a second for the others, and leaves it to the next round if that was not enough.
        var made = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Eventually.IsAsync(
            "the partitions are made", () => Retention(service).CreatePartitionsAsync(CancellationToken.None), _ => true)));

        Assert.Equal(2, made.Sum());
        Assert.Equal([.. Enumerable.Range(-1, 9).Select(day => Name(_now.AddDays(day))), "inbox_default"], await Database.RowsAsync(Partitions));
    }

    [Fact]
    public async Task Duplicates_of_events_that_are_years_old_or_days_ahead_are_detected()
    {
        var service = await MigratedAsync(consumes: true);
        await service.StartAsync();
        StockReplenished[] events = [Event("old", _now.AddYears(-3)), Event("new", _now), Event("ahead", _now.AddDays(40))];

        foreach (var @event in (StockReplenished[])[.. events, .. events])
        {
            await PublishAsync(@event);
        }

        await Eventually.HoldsAsync("all six were consumed, and what the first of each did is committed", async () => service.Script.Attempts >= 6
            && await Broker.QueueAsync("ordering.effect") is { Ready: 0, Unacknowledged: 0 }
            && await Database.ScalarAsync<long>("SELECT count(*) FROM inbox") == 3);
        Assert.All(await Task.WhenAll(events.Select(e => service.CountEffectsAsync(e.Sku))), count => Assert.Equal(1, count));
        Assert.Equal(2, await Database.ScalarAsync<long>("SELECT count(*) FROM inbox_default"));
        Assert.Equal(0, await Broker.CountReadyAsync("ordering.effect.dead"));
    }

    [Fact]
    public async Task Creating_partitions_and_consumers_do_not_block_each_other()
    {
        var service = await MigratedAsync();
        await Database.ExecuteAsync($"DROP TABLE {Name(_now.AddDays(5))}");
        await using var consumer = await BeginAsync(_now);

        Assert.Equal(1, await Retention(service).CreatePartitionsAsync(CancellationToken.None));

        await consumer.CommitAsync();
        await using var maker = new NpgsqlConnection(Database.ConnectionString);
        await maker.OpenAsync();
        await using var making = await maker.BeginTransactionAsync();
        await using var make = new NpgsqlCommand("SELECT ensure_inbox_partitions($1, $1)", maker)
        {
            Parameters = { new() { Value = DateOnly.FromDateTime(_now.AddDays(20).UtcDateTime) } },
        };
        Assert.Equal(1, await make.ExecuteScalarAsync());
        await Database.ExecuteAsync($"SET lock_timeout = '60s'; {Insert(Guid.CreateVersion7(_now), _now)}");
    }

    [Fact]
    public async Task A_late_partition_gets_the_rows_of_its_day_from_the_default_one()
    {
        var service = await MigratedAsync();
        await Database.ExecuteAsync($"DROP TABLE {Name(_now)}");
        var (ours, other) = (Guid.CreateVersion7(_now), Guid.CreateVersion7(_now.AddYears(-1)));
        await Database.ExecuteAsync(Insert(ours, _now) + Insert(other, _now));

        await Retention(service).CreatePartitionsAsync(CancellationToken.None);

        Assert.Equal([$"{ours}"], await Database.RowsAsync($"SELECT event_id FROM {Name(_now)}"));
        Assert.Equal([$"{other}"], await Database.RowsAsync("SELECT event_id FROM inbox_default"));
        Assert.True(InboxMessage.IsDuplicate(await Assert.ThrowsAsync<PostgresException>(() => Database.ExecuteAsync(Insert(ours, _now)))));
        Assert.True(InboxMessage.IsDuplicate(await Assert.ThrowsAsync<PostgresException>(() => Database.ExecuteAsync(Insert(other, _now)))));
    }

    [Fact]
    public async Task Old_partitions_are_dropped_and_duplicates_of_late_events_are_still_detected()
    {
        var service = await MigratedAsync();
        var old = _now.AddDays(-40);
        await Database.ExecuteAsync($"SELECT ensure_inbox_partitions('{old:yyyy-MM-dd}', '{old.AddDays(1):yyyy-MM-dd}')");
        var (done, late) = (Guid.CreateVersion7(old), Guid.CreateVersion7(old));
        await Database.ExecuteAsync(Insert(done, old) + Insert(late, _now) + Insert(Guid.CreateVersion7(_now), _now));

        var dropped = await Task.WhenAll(
            Enumerable.Range(0, 3).Select(_ => Retention(service).DropPartitionsAsync(_now.AddDays(-30), CancellationToken.None)));

        Assert.Equal([Name(old), Name(old.AddDays(1))], dropped.SelectMany(names => names).Order());
        Assert.Equal(2, await Database.ScalarAsync<long>("SELECT count(*) FROM inbox"));
        Assert.True(InboxMessage.IsDuplicate(await Assert.ThrowsAsync<PostgresException>(() => Database.ExecuteAsync(Insert(late, _now)))));
    }

    [Fact]
    public async Task Dropping_a_partition_times_out_instead_of_blocking_consumers()
    {
        var service = await MigratedAsync();
        var old = _now.AddDays(-40);
        await Database.ExecuteAsync($"SELECT ensure_inbox_partitions('{old:yyyy-MM-dd}', '{old:yyyy-MM-dd}')");
        await using (var consumer = await BeginAsync(_now))
        {
            var gaveUp = await Assert.ThrowsAsync<PostgresException>(
                () => Retention(service).DropPartitionsAsync(_now.AddDays(-30), CancellationToken.None));
            Assert.Equal(PostgresErrorCodes.LockNotAvailable, gaveUp.SqlState);
            await consumer.CommitAsync();
        }

        Assert.Equal([Name(old)], await Retention(service).DropPartitionsAsync(_now.AddDays(-30), CancellationToken.None));
    }

    [Fact]
    public async Task Rows_of_the_default_partition_are_removed_after_their_retention_and_not_before()
    {
        var service = await MigratedAsync();
        await Database.ExecuteAsync(Insert(Guid.CreateVersion7(_now.AddYears(-3)), _now) + """
            INSERT INTO inbox_default SELECT ('ffffffff-ffff-ffff-ffff-' || lpad(i::text, 12, '0'))::uuid, 'old', now() - interval '31 days'
            FROM generate_series(1, 12000) AS i; -- not random ids: one in thirty runs has one of a day with a partition
            """);

        var removed = await Retention(service).RemoveAsync("inbox_default", "processed_at", _now.AddDays(-30), CancellationToken.None);

        Assert.Equal(12_000, removed);
        Assert.Equal(1, await Database.ScalarAsync<long>("SELECT count(*) FROM inbox"));
    }

    [Theory]
    [InlineData("inbox_pkey", true)]
    [InlineData("inbox_default_pkey", true)]
    [InlineData("inbox_20261124_pkey", true)]
    [InlineData("inbox_rules_pkey", false)]
    [InlineData("inbox_20261124_name_key", false)]
    [InlineData("my_inbox_20261124_pkey", false)]
    [InlineData("pk_things", false)]
    public void Only_the_inbox_key_detects_a_duplicate(string constraint, bool isRepeat) => Assert.Equal(isRepeat,
        InboxMessage.IsDuplicate(new PostgresException("", "ERROR", "ERROR", PostgresErrorCodes.UniqueViolation, constraintName: constraint)));

    [Fact]
    public void A_retention_shorter_than_the_redelivery_delays_is_rejected()
    {
        var refused = Assert.Throws<InvalidOperationException>(() => TestService.Create(Database, Broker.AmqpUri,
            new Dictionary<string, string?> { ["Messaging:InboxRetention"] = "1.00:00:00" }));
        Assert.Contains("InboxRetention", refused.Message, StringComparison.Ordinal);
    }

    private async Task<TestService> MigratedAsync(bool consumes = false)
    {
        var service = await ServiceAsync(consumes: consumes, start: false);
        var yesterday = (await Database.RowsAsync(Partitions))[0]["inbox_".Length..];
        _now = new DateTimeOffset(DateOnly.ParseExact(yesterday, "yyyyMMdd", CultureInfo.InvariantCulture), new TimeOnly(12, 0), TimeSpan.Zero).AddDays(1);
        return service;
    }

    private MessagingRetention Retention(TestService service) =>
        ActivatorUtilities.CreateInstance<MessagingRetention>(service.Services, new FakeTimeProvider(_now));

    private static string Name(DateTimeOffset day) => $"inbox_{day.UtcDateTime:yyyyMMdd}";

    private static string Insert(Guid eventId, DateTimeOffset processedAt) =>
        $"INSERT INTO inbox (event_id, consumer, processed_at) VALUES ('{eventId}', 'ordering.effect', '{processedAt.UtcDateTime:O}');";

    private static StockReplenished Event(string sku, DateTimeOffset at) => new(Guid.CreateVersion7(at), at, sku, 1, 1, 1);

    /// <summary>A consumer in the middle of its work.</summary>
    private async Task<NpgsqlTransaction> BeginAsync(DateTimeOffset at)
    {
        var connection = new NpgsqlConnection(Database.ConnectionString);
        await connection.OpenAsync();
        var transaction = await connection.BeginTransactionAsync();
        await using var insert = new NpgsqlCommand(Insert(Guid.CreateVersion7(at), at), connection);
        await insert.ExecuteNonQueryAsync();
        return transaction;
    }
}
