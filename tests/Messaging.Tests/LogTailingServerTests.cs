using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;
using Shop.Messaging.LogTailing;
using Shop.Messaging.Tests.Harness;
using static Shop.Messaging.Tests.Harness.LogTailingState;

namespace Shop.Messaging.Tests;

/// <summary>Log tailing on a PostgreSQL with settings of its own.</summary>
public abstract class LogTailingOnOwnServerTests(params (string Name, string Value)[] server) : MessagingTest
{
    private DedicatedPostgres _server = null!;

    internal override RelayKind Relay => RelayKind.LogTailing;

    internal override async Task<TestDatabase> CreateDatabaseAsync()
    {
        _server = await DedicatedPostgres.StartAsync(server);
        return await _server.CreateDatabaseAsync("messaging");
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _server.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}

/// <summary>A server that cannot do it.</summary>
public sealed class LogTailingWithoutLogicalLogTests() : LogTailingOnOwnServerTests(("wal_level", "replica"))
{
    [Fact]
    public async Task Where_wal_level_is_not_logical_events_are_polled_and_it_is_reported()
    {
        var service = await ServiceAsync();
        var probe = await ProbeAsync(TicketEvents.Opened);

        await service.OpenAsync();

        await probe.CountIsAsync(1);
        await HealthIsAsync(service, HealthStatus.Degraded, "set wal_level = logical and restart it");
        Assert.Equal((0, 0), (Measure(service)["shop.log.used"], Measure(service)["shop.log.lost"]));
        await Eventually.HoldsAsync("the outbox is empty", async () => await Database.ScalarAsync<long>("SELECT count(*) FROM outbox") == 0);
    }
}

/// <summary>A server that removes log which is not read yet.</summary>
public sealed class LogTailingOnServerThatRemovesLogTests() : LogTailingOnOwnServerTests(("max_slot_wal_keep_size", "64MB"))
{
    [Fact]
    public async Task When_the_server_invalidates_the_slot_it_is_reported_and_new_events_are_polled()
    {
        var before = await ServiceAsync(relay: false);
        var probe = await ProbeAsync(TicketEvents.Opened);
        var lost = await before.OpenAsync();
        var position = await Database.ScalarAsync<string>("SELECT confirmed_flush_lsn::text FROM pg_replication_slots");
        await WriteLogAsync(megabytes: 100);
        Assert.Equal("lost", await Database.ScalarAsync<string>("SELECT wal_status FROM pg_replication_slots"));

        var service = await ServiceAsync(migrate: false);
        await service.OpenAsync();

        await probe.CountIsAsync(1);
        await HealthIsAsync(service, HealthStatus.Unhealthy, $"lost: the log after {position} was removed before it was read");
        await service.MigrateRelayAsync(); // does not hide it
        await HealthIsAsync(service, HealthStatus.Unhealthy, "SELECT pg_drop_replication_slot");
        Assert.Equal((1, 0), (Measure(service)["shop.log.lost"], Measure(service)["shop.log.used"]));

        await Database.ExecuteAsync($"{LogSlot.DropTrigger}; SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots");
        await service.MigrateRelayAsync();
        await service.OpenAsync();
        await probe.CountIsAsync(2);
        await Eventually.HoldsAsync("the log is used", () => Measure(service) is var now && now["shop.log.used"] == 1 && now["shop.log.lost"] == 0);
        await OutboxIsEmptyAsync();
        Assert.DoesNotContain(probe.Received, message => message.Stream == lost.Id.ToString());
    }

    [Fact]
    public async Task A_running_relay_without_a_broker_moves_events_into_the_table_before_the_server_removes_them()
    {
        // Messaging:MaxRetainedLog is 1 GiB: half of what the server keeps comes first.
        var service = await ServiceAsync(start: false, services: Unreachable.Broker);
        var probe = await ProbeAsync(TicketEvents.Opened);
        await service.StartAsync();
        await service.OpenAsync();
        await HealthIsAsync(service, HealthStatus.Degraded, "max_slot_wal_keep_size is 64 MB");
        Assert.Equal(0, await Database.ScalarAsync<long>("SELECT count(*) FROM outbox"));

        await WriteLogAsync(megabytes: 40);
        await LogIsReadAsync();
        Assert.Equal(1, await Database.ScalarAsync<long>("SELECT count(*) FROM outbox"));
        await WriteLogAsync(megabytes: 100); // whatever now becomes of the slot

        await service.StopAsync();
        await ServiceAsync(migrate: false);
        await probe.CountIsAsync(1);
    }

    [Fact]
    public async Task A_log_backlog_over_the_limit_is_reported_while_it_cannot_be_moved()
    {
        var service = await ServiceAsync(
            start: false, services: Unreachable.Broker,
            settings: new Dictionary<string, string?> { ["Messaging:MaxRetainedLog"] = "1000000" });
        await service.StartAsync();
        await service.OpenAsync();
        await HealthIsAsync(service, HealthStatus.Healthy, "to confirm");
        await using (var connection = new NpgsqlConnection(Database.ConnectionString))
        {
            await connection.OpenAsync();
            await using var transaction = await connection.BeginTransactionAsync();
            await using var held = new NpgsqlCommand("LOCK TABLE outbox IN EXCLUSIVE MODE", connection, transaction);
            await held.ExecuteNonQueryAsync();
            await WriteLogAsync(megabytes: 2);

            await HealthIsAsync(service, HealthStatus.Degraded, "Messaging:MaxRetainedLog");
            Assert.InRange(Measure(service)["shop.log.lag"], 1_000_001, 20_000_000);
        }

        await LogIsReadAsync();
        Assert.Equal(1, await Database.ScalarAsync<long>("SELECT count(*) FROM outbox"));
        await HealthIsAsync(service, HealthStatus.Healthy, "to confirm");
        Assert.InRange(Measure(service)["shop.log.lag"], 0, 1_000_000);
    }

    /// <summary>As another database of the server might; the checkpoint is when the server removes what is beyond its limit.</summary>
    private async Task WriteLogAsync(int megabytes)
    {
        await Database.AdminScalarAsync<string>(
            $"SELECT max(pg_logical_emit_message(false, 'other', repeat('x', 1000000))::text) FROM generate_series(1, {megabytes})");
        await Database.AdminScalarAsync<string>("SELECT pg_switch_wal()::text");
        await Database.AdminScalarAsync<int?>("CHECKPOINT");
    }
}
