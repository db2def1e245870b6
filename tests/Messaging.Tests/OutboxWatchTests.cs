using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>A stalled backlog is reported.</summary>
public sealed class OutboxWatchTests : MessagingTest
{
    private static readonly Dictionary<string, string?> s_soon = new() { ["Messaging:StuckAfter"] = "00:00:00.200" };

    [Fact]
    public async Task Events_without_a_relay_make_the_health_degraded_and_show_in_the_metrics()
    {
        var service = await ServiceAsync(relay: false, start: false, settings: s_soon);
        Assert.Equal(HealthStatus.Healthy, (await OutboxAsync(service)).Status);
        await service.OpenAsync();
        await service.OpenAsync();

        await Eventually.HoldsAsync("the health is degraded", async () => (await OutboxAsync(service)).Status == HealthStatus.Degraded);

        var entry = await OutboxAsync(service);
        Assert.Equal((2L, 0L), (entry.Data["length"], entry.Data["parked"]));
        var measured = Measure();
        Assert.InRange(measured["shop.outbox.length"], 2, 1_000_000); // other tests of this process may have more
        Assert.InRange(measured["shop.outbox.oldest_age"], 0.2, 600);
    }

    [Fact]
    public async Task A_parked_event_makes_the_health_degraded_until_it_is_published()
    {
        var service = await ServiceAsync(settings: s_soon);
        await service.OpenAsync();

        await Eventually.HoldsAsync("the health is degraded", async () => (await OutboxAsync(service)) is
        {
            Status: HealthStatus.Degraded,
            Data: var data,
        } && data["parked"] is 1L);
        await ProbeAsync(TicketEvents.Opened);

        await Eventually.HoldsAsync("it is well again", async () => (await OutboxAsync(service)).Status == HealthStatus.Healthy);
    }

    private static async Task<HealthReportEntry> OutboxAsync(TestService service) =>
        (await service.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(check => check.Name == "outbox")).Entries["outbox"];

    /// <summary>The highest value of each gauge: the services of other tests run in this process too.</summary>
    private static ConcurrentDictionary<string, double> Measure()
    {
        var values = new ConcurrentDictionary<string, double>();
        void Add(string name, double value) => values.AddOrUpdate(name, value, (_, other) => Math.Max(value, other));
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name.StartsWith("shop.outbox.", StringComparison.Ordinal) && instrument.IsObservable)
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, _, _) => Add(instrument.Name, value));
        listener.SetMeasurementEventCallback<double>((instrument, value, _, _) => Add(instrument.Name, value));
        listener.Start();
        listener.RecordObservableInstruments();
        return values;
    }
}
