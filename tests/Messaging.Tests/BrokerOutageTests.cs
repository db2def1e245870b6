using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Shop.Messaging.LogTailing;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>M2 and M4 while the broker is in trouble, whichever strategy the relay has.</summary>
public class BrokerOutageTests : MessagingTest
{
    private const int Events = 5;
    private static readonly TimeSpan s_closingTakes = TimeSpan.FromSeconds(12); // at least: the client waits for 15 s

    private readonly Warnings _warnings = new();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_outage_while_a_batch_is_in_flight_releases_the_claim_soon_and_loses_nothing(bool connectionIsLost)
    {
        await using var wire = FaultyWire.ToBroker(Broker.AmqpUri);
        // The relay detects a lost connection immediately, and an unresponsive broker after its timeout.
        var (service, probe) = await StartAsync(wire, confirmTimeout: connectionIsLost ? "00:02:00" : "00:00:02");

        // A slow machine may need as long once; a claim that waits for the closing does each time.
        var claimed = await OutageAsync(wire, service, probe, connectionIsLost);
        for (var again = 1; claimed > s_closingTakes && again < 5; again++)
        {
            claimed = await OutageAsync(wire, service, probe, connectionIsLost);
        }

        Assert.True(claimed < s_closingTakes, $"the claim was released after {claimed}");
    }

    [Fact]
    public async Task A_blocked_broker_is_not_published_to_until_it_is_unblocked()
    {
        await using var wire = FaultyWire.ToBroker(Broker.AmqpUri);
        var (service, probe) = await StartAsync(wire, confirmTimeout: "00:02:00");

        wire.HoldRequests();
        await wire.SendBlockedAsync("low on memory");
        await Eventually.HoldsAsync("the relay has read it", () => service.Services.GetRequiredService<BrokerPublisher>().IsBlocked);

        await OpenAtOnceAsync(service);
        var (warnings, unclaimed) = (_warnings.Count, new HashSet<long>());
        await Eventually.HoldsAsync("the relay has tried three times", async () =>
        {
            unclaimed.Add(await CountUnclaimedAsync());
            return _warnings.Count > warnings + 2;
        });
        Assert.Equal(Relay == RelayKind.Polling ? Events : 0, Assert.Single(unclaimed));
        Assert.Equal(0, wire.HeldPublishes);
        Assert.Single(probe.Received);
        wire.Restore();
        await wire.SendUnblockedAsync();

        await OutboxIsEmptyAsync();
        await ArrivedAsync(probe, 1 + Events);
    }

    /// <summary>An outage while a batch is out, and what comes of it; how long the claim was held.</summary>
    private async Task<TimeSpan> OutageAsync(FaultyWire wire, TestService service, Probe probe, bool connectionIsLost)
    {
        var before = probe.Received.DistinctBy(message => message.MessageId).Count();
        wire.HoldAnswers();
        await OpenAtOnceAsync(service);
        await ArrivedAsync(probe, before + 1); // the broker has the events, and the relay has no confirm
        var (connections, since) = (wire.Connections, Stopwatch.StartNew());
        if (connectionIsLost)
        {
            if (Relay == RelayKind.Polling)
            {
                Assert.Equal((Events, 0L), (await CountStoredAsync(), await CountUnclaimedAsync()));
            }

            wire.Lose();
        }

        if (Relay == RelayKind.Polling)
        {
            // An open claim holds back vacuum. Closing a connection to an unresponsive broker takes some 15 s: no claim waits for that.
            await Eventually.HoldsAsync("the claim is released", async () => await CountUnclaimedAsync() == Events);
        }

        var claimed = since.Elapsed;
        await Eventually.HoldsAsync("the relay connects again", () => wire.Connections > connections);

        await service.OpenAsync(); // requests still succeed
        wire.Restore();

        await OutboxIsEmptyAsync();
        await ArrivedAsync(probe, before + Events + 1);
        Assert.True(probe.Received.Count > before + Events + 1, "what was out in the outage was sent again");
        return claimed;
    }

    /// <summary>A service whose relay is connected through the wire: it has published an event.</summary>
    private async Task<(TestService Service, Probe Probe)> StartAsync(FaultyWire wire, string confirmTimeout)
    {
        var service = await ServiceAsync(settings: new Dictionary<string, string?>
        {
            ["ConnectionStrings:rabbitmq"] = wire.Over(Broker.UriOf("ordering")).AbsoluteUri,
            ["Messaging:ConfirmTimeout"] = confirmTimeout,
        }, services: services => services.AddLogging(logging => logging.AddProvider(_warnings)));
        var probe = await ProbeAsync(TicketEvents.Opened);
        await service.OpenAsync();
        await probe.CountIsAsync(1);
        await OutboxIsEmptyAsync();
        return (service, probe);
    }

    private static Task<int> ArrivedAsync(Probe probe, int events) => Eventually.IsAsync($"{events} events arrive",
        () => Task.FromResult(probe.Received.DistinctBy(message => message.MessageId).Count()), count => count >= events);

    /// <summary>Events of as many streams that are committed together, and so are claimed together.</summary>
    private static Task OpenAtOnceAsync(TestService service) => service.WorkAsync(async db =>
    {
        db.Tickets.AddRange(Enumerable.Range(0, Events).Select(_ => Ticket.Open(TimeProvider.System.GetUtcNow())));
        await db.SaveChangesAsync();
    });

    private Task<long> CountUnclaimedAsync() =>
        Database.ScalarAsync<long>("SELECT count(*) FROM (SELECT FROM outbox FOR UPDATE SKIP LOCKED) AS unclaimed");

    /// <summary>How often a relay failed.</summary>
    private sealed class Warnings : ILoggerProvider, ILogger
    {
        private int _count;

        public int Count => Volatile.Read(ref _count);

        public ILogger CreateLogger(string categoryName) =>
            categoryName.Contains("Relay", StringComparison.Ordinal) || categoryName.EndsWith(nameof(LogDelivery), StringComparison.Ordinal) ? this : NullLogger.Instance;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel == LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                Interlocked.Increment(ref _count);
            }
        }

        public void Dispose()
        {
        }
    }
}
