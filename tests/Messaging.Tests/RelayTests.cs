using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shop.Messaging.Outbox;
using Shop.Messaging.Relay;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>M2, M3 and M4: what the relay does when things go wrong, whichever strategy it has.</summary>
public class RelayTests : MessagingTest
{
    [Fact]
    public async Task An_event_without_a_bound_queue_stays_ready_and_is_published_once_one_is_bound()
    {
        var service = await ServiceAsync();
        var ticket = await service.OpenAsync();
        await Eventually.HoldsAsync("the event is parked as stuck after some attempts", async () => await Database.ScalarAsync<long>(
            "SELECT count(*) FROM outbox_parked WHERE attempts >= 2 AND error LIKE 'no queue is bound%'") == 1);

        var probe = await ProbeAsync(TicketEvents.Opened);

        await probe.CountIsAsync(1);
        Assert.Equal(ticket.Id.ToString(), Assert.Single(probe.Received).Stream);
        await OutboxIsEmptyAsync();
    }

    [Fact]
    public async Task An_event_that_makes_the_broker_close_the_channel_blocks_only_its_own_stream()
    {
        var service = await ServiceAsync(relay: false);
        var probe = await ProbeAsync(TicketEvents.Opened, TicketEvents.Touched, TicketEvents.Broken);
        await DeleteExchangeAsync(TicketEvents.Broken);
        var broken = await service.OpenAsync();
        await TouchAsync(service, broken.Id, breakIt: true);
        await TouchAsync(service, broken.Id);
        for (var i = 0; i < 20; i++)
        {
            await service.OpenAsync();
        }

        var relay = await ServiceAsync(migrate: false);

        await probe.CountIsAsync(21);
        await Eventually.HoldsAsync("the broken event and the one behind it are parked", async () =>
            await Database.ScalarAsync<long>("SELECT count(*) FROM outbox_parked") == 2
            && await Database.ScalarAsync<long>("SELECT count(*) FROM outbox") == 0);
        Assert.DoesNotContain(probe.Received, message => message.Stream == broken.Id.ToString() && message.Version > 1);

        // A later event of the stream waits too, and all follow in order as soon as the exchange is there again.
        await TouchAsync(relay, broken.Id);
        await LoadTopologyAsync(relay);
        var all = await ProbeAsync(TicketEvents.Touched, TicketEvents.Broken); // in this order: binding the first one unblocks the stream
        await all.CountIsAsync(3);
        Assert.Equal([2, 3, 4], all.Received.Where(message => message.Stream == broken.Id.ToString()).Select(message => message.Version));
        await OutboxIsEmptyAsync();
    }

    [Fact]
    public async Task A_returned_event_is_not_overtaken_by_the_later_ones_of_its_stream_in_the_same_batch()
    {
        var writer = await ServiceAsync(relay: false);
        var probe = await ProbeAsync(TicketEvents.Touched);
        for (var i = 0; i < 20; i++)
        {
            var ticket = await writer.OpenAsync(); // returned: no queue is bound for it
            await TouchAsync(writer, ticket.Id);
            await TouchAsync(writer, ticket.Id);
        }

        await ServiceAsync(migrate: false);
        await Eventually.HoldsAsync("all are parked", async () => await Database.ScalarAsync<long>("SELECT count(*) FROM outbox_parked") == 60);
        Assert.Empty(probe.Received);

        var all = await ProbeAsync(TicketEvents.Opened, TicketEvents.Touched);
        await all.CountIsAsync(60);
        Assert.All(all.Received.GroupBy(message => message.Stream), stream =>
            Assert.Equal([1, 2, 3], stream.Select(message => message.Version)));
        await OutboxIsEmptyAsync();
    }

    [Fact]
    public async Task An_event_that_breaks_the_connection_is_parked_and_the_others_are_published()
    {
        var service = await ServiceAsync(relay: false);
        var probe = await ProbeAsync(TicketEvents.Opened, TicketEvents.Touched);

        // Headers larger than a frame: the broker closes the connection with everything in flight.
        await Database.ExecuteAsync("""
            CREATE FUNCTION too_much() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                NEW.headers := (NEW.headers::jsonb || jsonb_build_object('too-much', repeat('x', 200000)))::text;
                RETURN NEW;
            END $$;
            CREATE TRIGGER a_too_much BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION too_much();
            """);
        var broken = await service.OpenAsync();
        await Database.ExecuteAsync("DROP TRIGGER a_too_much ON outbox");
        await TouchAsync(service, broken.Id);
        for (var i = 0; i < 5; i++)
        {
            await service.OpenAsync();
        }

        await ServiceAsync(migrate: false);

        await Eventually.HoldsAsync("the others are sent", () =>
            probe.Received.Select(message => message.MessageId).Distinct().Count() == 5);
        await Eventually.HoldsAsync("the event and the one behind it are parked, with the reason", async () =>
            await Database.ScalarAsync<long>("SELECT count(*) FROM outbox_parked") == 2
            && await Database.ScalarAsync<long>("SELECT count(*) FROM outbox_parked WHERE error LIKE '%connection to the broker was lost%'") == 1
            && await Database.ScalarAsync<long>("SELECT count(*) FROM outbox") == 0);
        Assert.DoesNotContain(probe.Received, message => message.Stream == broken.Id.ToString());
    }

    [Fact]
    public async Task A_crash_between_confirm_and_commit_publishes_a_duplicate()
    {
        var service = await ServiceAsync(relay: false);
        var probe = await ProbeAsync(TicketEvents.Opened);
        await service.OpenAsync();

        await PublishAndCrashAsync(service);
        await probe.CountIsAsync(1);
        Assert.Equal(1, await CountStoredAsync());
        await ServiceAsync(migrate: false);

        await probe.CountIsAsync(2);
        Assert.Single(probe.Received.Select(message => message.MessageId).Distinct());
        await OutboxIsEmptyAsync();
    }

    [Fact]
    public async Task Two_relays_share_the_streams_without_loss_duplicates_or_reordering()
    {
        const int Streams = 40;
        const int Touches = 25;
        var first = await ServiceAsync();
        var second = await ServiceAsync(migrate: false);
        var probe = await ProbeAsync(TicketEvents.Opened, TicketEvents.Touched);
        await Eventually.HoldsAsync("both relays hold partitions", async () => await Database.ScalarAsync<long>(
            $"SELECT count(DISTINCT pid) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND objid BETWEEN 1 AND {OutboxMessage.Partitions} "
            + $"AND classid = {RelaySession.LockClass} AND database = (SELECT oid FROM pg_database WHERE datname = current_database())") == 2);

        await Parallel.ForEachAsync(Enumerable.Range(0, Streams), new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (i, _) =>
        {
            var service = i % 2 == 0 ? first : second;
            var ticket = await service.OpenAsync();
            for (var touch = 0; touch < Touches; touch++)
            {
                await TouchAsync(touch % 2 == 0 ? first : second, ticket.Id);
            }
        });

        await probe.CountIsAsync(Streams * (Touches + 1));
        await OutboxIsEmptyAsync();
        Assert.Equal(Streams * (Touches + 1), probe.Received.Count);
        Assert.Equal(probe.Received.Count, probe.Received.Select(message => message.MessageId).Distinct().Count());
        Assert.All(probe.Received.GroupBy(message => message.Stream), stream =>
            Assert.Equal(Enumerable.Range(1, Touches + 1), stream.Select(message => message.Version)));
    }

    [Fact]
    public async Task A_relay_that_stops_causes_no_duplicates_and_another_takes_over()
    {
        var first = await ServiceAsync();
        var second = await ServiceAsync(migrate: false);
        var probe = await ProbeAsync(TicketEvents.Opened);
        var opened = 0;
        var writing = Task.Run(async () =>
        {
            for (; opened < 400; opened++)
            {
                await second.OpenAsync();
            }
        });
        await probe.CountIsAsync(50);
        await first.StopAsync();
        await writing;

        await OutboxIsEmptyAsync();
        await probe.CountIsAsync(opened);
        Assert.Equal(probe.Received.Count, probe.Received.Select(message => message.MessageId).Distinct().Count());
    }

    [Fact]
    public async Task An_event_of_a_process_without_a_relay_is_published_within_the_poll_interval()
    {
        await ServiceAsync();
        var writer = await ServiceAsync(relay: false, migrate: false, start: false);
        var probe = await ProbeAsync(TicketEvents.Opened);

        await writer.OpenAsync();

        await probe.CountIsAsync(1);
    }

    private static Task TouchAsync(TestService service, Guid id, bool breakIt = false) => service.WorkAsync(async db =>
    {
        var ticket = (await db.Tickets.FindAsync(id))!;
        if (breakIt)
        {
            ticket.Break(TimeProvider.System.GetUtcNow());
        }
        else
        {
            ticket.Touch(TimeProvider.System.GetUtcNow());
        }

        await db.SaveChangesAsync();
    });

    private async Task DeleteExchangeAsync(string exchange)
    {
        await using var connection = await new RabbitMQ.Client.ConnectionFactory { Uri = Broker.AmqpUri }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();
        await channel.ExchangeDeleteAsync(exchange);
    }
}
