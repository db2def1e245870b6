using Microsoft.Extensions.DependencyInjection;
using Shop.Messaging.Tests.Harness;
using Shop.ServiceDefaults.Messaging;
using Shop.ServiceDefaults.Messaging.Broker;

namespace Shop.Messaging.Tests;

/// <summary>M2 and M4 while the broker is in trouble, whichever strategy the relay has.</summary>
public class BrokerOutageTests : MessagingTest
{
    private const int Events = 5;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_outage_while_a_batch_is_out_gives_the_claim_back_soon_and_loses_nothing(bool connectionIsLost)
    {
        await using var wire = FaultyWire.ToBroker(Broker.AmqpUri);
        var (service, probe) = await StartAsync(wire);

        wire.HoldAnswers();
        await OpenAtOnceAsync(service);
        await probe.CountIsAsync(2); // the broker has what was sent, and the relay does not know
        if (Relay == RelayKind.Polling)
        {
            Assert.Equal((Events, 0L), (await CountStoredAsync(), await CountUnclaimedAsync()));
        }

        var connections = wire.Connections;
        if (connectionIsLost)
        {
            wire.Lose();
        }

        if (Relay == RelayKind.Polling)
        {
            // An open claim keeps vacuum from its work. Closing the connection of a silent broker takes some 15 s: no claim waits for that.
            await Eventually.HoldsAsync("the claim is given back", async () => await CountUnclaimedAsync() == Events, TimeSpan.FromSeconds(12));
        }

        await Eventually.HoldsAsync("the relay connects again", () => wire.Connections > connections);

        await service.OpenAsync(); // requests go on
        wire.Restore();

        await OutboxIsEmptyAsync();
        await Eventually.HoldsAsync("each event arrived", () => probe.Received.DistinctBy(message => message.MessageId).Count() == 2 + Events);
        Assert.True(probe.Received.Count > 2 + Events, "what was out in the outage was sent again");
    }

    [Fact]
    public async Task A_broker_that_takes_nothing_for_now_is_left_alone_until_it_does_again()
    {
        await using var wire = FaultyWire.ToBroker(Broker.AmqpUri);
        var (service, probe) = await StartAsync(wire);

        wire.HoldRequests();
        await wire.SayBlockedAsync("low on memory");
        await Eventually.HoldsAsync("the relay has read it", () => service.Services.GetRequiredService<BrokerPublisher>().IsBlocked);

        await OpenAtOnceAsync(service);
        for (var end = Environment.TickCount64 + 1_000; Environment.TickCount64 < end;) // over some polls of the relay
        {
            Assert.Equal(Relay == RelayKind.Polling ? Events : 0, await CountUnclaimedAsync());
            Assert.Equal(0, wire.HeldPublishes);
        }

        Assert.Single(probe.Received);
        wire.Restore();
        await wire.SayUnblockedAsync();

        await OutboxIsEmptyAsync();
        await Eventually.HoldsAsync("each event arrived", () => probe.Received.DistinctBy(message => message.MessageId).Count() == 1 + Events);
    }

    /// <summary>A service whose relay is connected over the wire: an event has come through.</summary>
    private async Task<(TestService Service, Probe Probe)> StartAsync(FaultyWire wire)
    {
        var service = await ServiceAsync(settings: new Dictionary<string, string?>
        {
            ["ConnectionStrings:rabbitmq"] = wire.Over(Broker.UriOf("ordering")).AbsoluteUri,
            ["Messaging:ConfirmTimeout"] = "00:00:02",
        });
        var probe = await ProbeAsync(TicketEvents.Opened);
        await service.OpenAsync();
        await probe.CountIsAsync(1);
        await OutboxIsEmptyAsync();
        return (service, probe);
    }

    /// <summary>Events of as many streams that are committed together, and so are claimed together.</summary>
    private static Task OpenAtOnceAsync(TestService service) => service.WorkAsync(async db =>
    {
        db.Tickets.AddRange(Enumerable.Range(0, Events).Select(_ => Ticket.Open(TimeProvider.System.GetUtcNow())));
        await db.SaveChangesAsync();
    });

    private Task<long> CountUnclaimedAsync() =>
        Database.ScalarAsync<long>("SELECT count(*) FROM (SELECT FROM outbox FOR UPDATE SKIP LOCKED) AS unclaimed");
}
