using Microsoft.Extensions.DependencyInjection;
using Shop.Messaging.LogTailing;
using Shop.Messaging.Relay;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>Switching the strategy loses nothing and keeps the order; so does the fallback to the table when the log has no room.</summary>
public sealed class RelaySwitchTests : MessagingTest
{
    private static readonly Dictionary<string, string?> s_tailing = new() { ["Messaging:Relay"] = nameof(RelayKind.LogTailing) };

    private static readonly Dictionary<string, string?> s_pollingAgain = new() { ["Messaging:Relay"] = nameof(RelayKind.Polling) };

    [Fact]
    public async Task From_polling_to_log_tailing()
    {
        var polling = await ServiceAsync(relay: false);
        var probe = await ProbeAsync(TicketEvents.Opened, TicketEvents.Touched);
        var tickets = await OpenAsync(polling, 10);
        await polling.StopAsync();

        var tailing = await ServiceAsync(relay: false, migrate: false, settings: s_tailing);
        await tailing.MigrateRelayAsync();
        await TouchAsync(tailing, tickets);
        Assert.Equal((10, 10), (await Database.ScalarAsync<long>("SELECT count(*) FROM outbox"), await CountLoggedAsync()));
        await ServiceAsync(migrate: false, settings: s_tailing);

        await AllArriveInOrderAsync(probe, tickets, 2);
        await LogIsReadAsync();
        await OutboxIsEmptyAsync();
    }

    [Fact]
    public async Task From_log_tailing_to_polling()
    {
        var tailing = await ServiceAsync(relay: false, settings: s_tailing);
        var probe = await ProbeAsync(TicketEvents.Opened, TicketEvents.Touched);
        var tickets = await OpenAsync(tailing, 10);
        await tailing.StopAsync();

        var polling = await ServiceAsync(relay: false, migrate: false, settings: s_pollingAgain);
        await polling.MigrateRelayAsync();
        await TouchAsync(polling, tickets);
        Assert.Equal((10, 10), (await Database.ScalarAsync<long>("SELECT count(*) FROM outbox"), await CountLoggedAsync()));
        await ServiceAsync(migrate: false, settings: s_pollingAgain);

        await AllArriveInOrderAsync(probe, tickets, 2);
        await OutboxIsEmptyAsync();
        Assert.Equal(0, await Database.ScalarAsync<long>("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()"));
        Assert.Equal(0, await Database.ScalarAsync<long>("SELECT count(*) FROM pg_publication"));
    }

    [Fact]
    public async Task Switching_back_and_forth_while_services_write_and_relay()
    {
        var tailing = await ServiceAsync(settings: s_tailing);
        var polling = await ServiceAsync(migrate: false, settings: s_pollingAgain);
        var probe = await ProbeAsync(TicketEvents.Opened, TicketEvents.Touched);
        var tickets = await OpenAsync(tailing, 5);

        await polling.MigrateRelayAsync(); // waits until the log is read
        await TouchAsync(tailing, tickets);
        await Eventually.HoldsAsync("the slot is removed", async () => await Database.ScalarAsync<long>(
            "SELECT count(*) FROM pg_replication_slots WHERE database = current_database()") == 0);
        await tailing.MigrateRelayAsync();
        await TouchAsync(polling, tickets);

        await AllArriveInOrderAsync(probe, tickets, 3);
    }

    [Fact]
    public async Task A_switch_waits_for_a_relay_that_has_not_started_reading_the_log()
    {
        var shortTimeout = new Dictionary<string, string?>(s_pollingAgain) { ["Messaging:SwitchTimeout"] = "00:00:00.200" };
        var tailing = await ServiceAsync(start: false, settings: s_tailing);
        var polling = await ServiceAsync(relay: false, migrate: false, settings: shortTimeout);
        var probe = await ProbeAsync(TicketEvents.Opened, TicketEvents.Touched);
        IReadOnlyList<Ticket> tickets;
        await using (var session = await LogSession.OpenAsync(tailing.Services.GetRequiredService<MessagingSettings>(), default))
        {
            Assert.True(await session.TryLeadAsync(default)); // so that no relay reads the log
            await tailing.StartAsync();
            await Eventually.HoldsAsync("the relay of the table is there", () => Database.ScalarAsync<bool>(
                $"SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = {RelaySession.LockClass} AND objid = 0 "
                + "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"));
            tickets = await OpenAsync(tailing, 3);

            var tooEarly = await Assert.ThrowsAsync<InvalidOperationException>(polling.MigrateRelayAsync);
            Assert.Contains("still has unpublished events", tooEarly.Message, StringComparison.Ordinal);
            await TouchAsync(tailing, tickets);
        }

        await (await ServiceAsync(relay: false, migrate: false, settings: s_pollingAgain)).MigrateRelayAsync(); // with the default timeout
        await TouchAsync(tailing, tickets);
        await AllArriveInOrderAsync(probe, tickets, 3);
    }

    [Fact]
    public async Task A_log_backlog_over_the_limit_moves_to_the_table_while_the_broker_is_unavailable()
    {
        // A relay that reaches no broker, and may keep no log.
        var service = await ServiceAsync(
            start: false, settings: new Dictionary<string, string?>(s_tailing) { ["Messaging:MaxRetainedLog"] = "0" },
            services: Unreachable.Broker);
        var probe = await ProbeAsync(TicketEvents.Opened, TicketEvents.Touched);
        await service.StartAsync();
        var tickets = await OpenAsync(service, 10);

        await LogIsReadAsync();
        Assert.Equal(10, await Database.ScalarAsync<long>("SELECT count(*) FROM outbox"));
        Assert.Empty(probe.Received);

        await service.StopAsync();
        var after = await ServiceAsync(migrate: false, settings: s_tailing);
        await TouchAsync(after, tickets);
        await AllArriveInOrderAsync(probe, tickets, 2);
    }

    private static async Task<IReadOnlyList<Ticket>> OpenAsync(TestService service, int count)
    {
        List<Ticket> tickets = [];
        for (var i = 0; i < count; i++)
        {
            tickets.Add(await service.OpenAsync());
        }

        return tickets;
    }

    private static async Task TouchAsync(TestService service, IReadOnlyList<Ticket> tickets)
    {
        foreach (var ticket in tickets)
        {
            await service.WorkAsync(async db =>
            {
                (await db.Tickets.FindAsync(ticket.Id))!.Touch(TimeProvider.System.GetUtcNow());
                await db.SaveChangesAsync();
            });
        }
    }

    private static async Task AllArriveInOrderAsync(Probe probe, IReadOnlyList<Ticket> tickets, int versions)
    {
        await probe.CountIsAsync(tickets.Count * versions);
        Assert.All(tickets, ticket => Assert.Equal(
            Enumerable.Range(1, versions),
            probe.Received.Where(message => message.Stream == ticket.Id.ToString()).Select(message => message.Version)));
    }
}
