using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using NpgsqlTypes;
using Shop.Messaging.LogTailing;
using Shop.Messaging.Operations;
using Shop.Messaging.Tests.Harness;
using static Shop.Messaging.Tests.Harness.LogTailingState;

namespace Shop.Messaging.Tests;

/// <summary>What only log tailing can get wrong: positions, the slot, and what happens when it is not there.</summary>
public sealed class LogTailingTests : MessagingTest
{
    internal override RelayKind Relay => RelayKind.LogTailing;

    [Fact]
    public async Task An_event_is_in_the_log_and_in_no_table()
    {
        var service = await ServiceAsync(relay: false);

        await service.OpenAsync();

        Assert.Equal(0, await Database.ScalarAsync<long>("SELECT count(*) FROM outbox"));
        Assert.Equal(1, await CountLoggedAsync());
    }

    [Fact]
    public async Task Confirming_a_position_before_the_brokers_confirm_loses_the_event()
    {
        // The negative control of the rule that LogRelay keeps: the same crash with the order the other way round.
        var service = await ServiceAsync(relay: false);
        var probe = await ProbeAsync(TicketEvents.Opened);
        var lost = await service.OpenAsync();
        await using (var reader = await ReaderAsync(service))
        {
            var batch = await reader.ReadBatchAsync(1, TimeSpan.FromMinutes(5), CancellationToken.None);
            Assert.Single(batch.Rows);
            var end = (await reader.ReadBatchAsync(1, TimeSpan.FromMinutes(5), CancellationToken.None)).CommittedUpTo;
            await reader.ConfirmAsync(end!.Value, CancellationToken.None);
            await ConfirmedIsAsync(position => position >= end);
        }

        await ServiceAsync(migrate: false);
        await service.OpenAsync();

        await probe.CountIsAsync(1);
        await OutboxIsEmptyAsync();
        Assert.DoesNotContain(probe.Received, message => message.Stream == lost.Id.ToString());
    }

    [Fact]
    public async Task Replies_to_keepalives_confirm_nothing()
    {
        // It replies three times per lease; if the machine does not schedule it for a whole lease, the session ends.
        var service = await ServiceAsync(relay: false, settings: new Dictionary<string, string?> { ["Messaging:RelayLease"] = "00:00:12" });
        var before = await ConfirmedIsAsync(_ => true);
        await using var reader = await ReaderAsync(service);
        await service.OpenAsync();
        Assert.Single((await reader.ReadBatchAsync(10, TimeSpan.FromMinutes(5), CancellationToken.None)).Rows);

        var since = await Database.ScalarAsync<DateTime>("SELECT now()");
        await Eventually.HoldsAsync("the server has received two status updates from the reader", async () =>
        {
            var heard = await Database.AdminScalarAsync<DateTime?>(
                "SELECT reply_time FROM pg_stat_replication WHERE pid = (SELECT active_pid FROM pg_replication_slots WHERE database = current_database())");
            return heard > since + TimeSpan.FromSeconds(1.5);
        });

        Assert.Equal(before, await ConfirmedIsAsync(_ => true));
    }

    [Fact]
    public async Task A_transaction_larger_than_a_batch_is_published_once_although_the_reader_changes_within_it()
    {
        const int Count = 600;
        var small = new Dictionary<string, string?> { ["Messaging:BatchSize"] = "20" };
        var first = await ServiceAsync(settings: small);
        var probe = await ProbeAsync(TicketEvents.Opened);
        await first.WorkAsync(async db =>
        {
            db.Tickets.AddRange(Enumerable.Range(0, Count).Select(_ => Ticket.Open(TimeProvider.System.GetUtcNow())));
            await db.SaveChangesAsync();
        });
        await probe.CountIsAsync(1);

        await first.StopAsync();
        await ServiceAsync(migrate: false, settings: small);

        await OutboxIsEmptyAsync();
        await probe.CountIsAsync(Count);
        Assert.Equal(Count, probe.Received.Count);
        Assert.Equal(Count, probe.Received.Select(message => message.MessageId).Distinct().Count());
    }

    [Fact]
    public async Task An_idle_database_does_not_retain_the_log_of_a_busy_one()
    {
        await ServiceAsync();
        await using var busy = await TestServers.CreateDatabaseAsync("busy");
        await busy.ScalarAsync<string>("SELECT pg_logical_emit_message(false, 'busy', repeat('x', 4000000))::text");
        var end = NpgsqlLogSequenceNumber.Parse(await busy.ScalarAsync<string>("SELECT pg_current_wal_lsn()::text"));

        await ConfirmedIsAsync(position => position >= end);
    }

    [Fact]
    public async Task A_relay_that_loses_its_connections_resumes_without_loss()
    {
        var service = await ServiceAsync();
        var probe = await ProbeAsync(TicketEvents.Opened);
        List<Guid> opened = [];
        for (var round = 0; round < 5; round++)
        {
            for (var i = 0; i < 20; i++)
            {
                opened.Add((await service.OpenAsync()).Id);
            }

            await Eventually.HoldsAsync("the log's connections are broken off", async () => await Database.AdminScalarAsync<long>(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                + "WHERE datname = current_database() AND application_name LIKE '% log re%'") > 0);
        }

        await OutboxIsEmptyAsync();
        await Eventually.HoldsAsync("all have arrived", () =>
            opened.Select(id => id.ToString()).ToHashSet().IsSubsetOf(probe.Received.Select(message => message.Stream)));
        var view = await service.Services.GetRequiredService<IOperationsReport>().ReadAsync(CancellationToken.None);
        Assert.Equal("relay", view.LastError?.Where);
    }

    [Fact]
    public async Task When_the_slot_was_dropped_it_is_reported_and_new_events_are_polled()
    {
        var service = await ServiceAsync();
        var probe = await ProbeAsync(TicketEvents.Opened);
        await service.OpenAsync();
        await probe.CountIsAsync(1);
        await Eventually.HoldsAsync("the slot is dropped", () => Database.AdminScalarAsync<bool>(
            "SELECT pg_drop_replication_slot(slot_name) IS NOT NULL FROM (SELECT slot_name, pg_terminate_backend(active_pid, 5000) "
            + "FROM pg_replication_slots WHERE database = current_database()) AS slot"));

        await service.OpenAsync();

        await probe.CountIsAsync(2);
        await Eventually.HoldsAsync("the health check reports it", () =>
            CheckHealth(service) is { Status: HealthStatus.Unhealthy, Description: var description } && description!.Contains("DROP TRIGGER", StringComparison.Ordinal));
        await service.MigrateRelayAsync(); // does not hide it
        Assert.Equal(0, await Database.ScalarAsync<long>("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()"));
        Assert.Equal((1, 0), (Measure(service)["shop.log.lost"], Measure(service)["shop.log.used"]));

        await Database.ExecuteAsync(LogSlot.DropTrigger);
        await service.MigrateRelayAsync();
        await service.OpenAsync();
        await Eventually.HoldsAsync("it is read again", () => CheckHealth(service).Status == HealthStatus.Healthy);
        Assert.Equal((0, 1), (Measure(service)["shop.log.lost"], Measure(service)["shop.log.used"]));
        await probe.CountIsAsync(3);
        await OutboxIsEmptyAsync();
    }

    [Fact]
    public async Task Without_the_REPLICATION_attribute_events_are_polled_and_it_is_reported()
    {
        await Database.AdminScalarAsync<int?>($"ALTER ROLE \"{Database.Name}\" NOREPLICATION");
        var service = await ServiceAsync();
        var probe = await ProbeAsync(TicketEvents.Opened);

        await service.OpenAsync();

        await probe.CountIsAsync(1);
        await Eventually.HoldsAsync("the health check reports it", () => CheckHealth(service) is
        {
            Status: HealthStatus.Degraded, Description: var description,
        } && description!.Contains("ALTER ROLE", StringComparison.Ordinal));
    }

    [Fact]
    public async Task In_a_copy_of_the_database_events_become_rows()
    {
        var service = await ServiceAsync(relay: false);
        await service.DisposeAsync();
        await using var copy = await Database.CloneAsync();
        await using var ofCopy = TestService.Create(copy, Broker.UriOf("ordering"), new Dictionary<string, string?> { ["Messaging:RelayEnabled"] = "false" });

        await ofCopy.OpenAsync();

        Assert.Equal(1, await copy.ScalarAsync<long>("SELECT count(*) FROM outbox"));
        Assert.Equal(0, await CountLoggedAsync());
    }

    private async Task<LogReader> ReaderAsync(TestService service) => await LogReader.StartAsync(
        service.Services.GetRequiredService<MessagingSettings>(),
        await Database.ScalarAsync<string>($"SELECT {LogSlot.NameOfSlot}"), CancellationToken.None);

    private async Task<NpgsqlLogSequenceNumber> ConfirmedIsAsync(Func<NpgsqlLogSequenceNumber, bool> condition) => await Eventually.IsAsync(
        "the confirmed position is so", async () => NpgsqlLogSequenceNumber.Parse(await Database.ScalarAsync<string>(
            "SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE database = current_database()")), condition);
}
