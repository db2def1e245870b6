using System.Diagnostics.Metrics;
using Shop.Analytics.Features.Funnel;
using Shop.Analytics.Features.SalesPerDay;
using Shop.Messaging;

namespace Shop.Analytics.Tests;

/// <summary>The figures as a whole, in a database that only this class writes to.</summary>
public class FlowTests(AnalyticsFixture analytics) : IClassFixture<AnalyticsFixture>
{
    private static readonly DateTimeOffset s_start = new(2026, 11, 20, 22, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task Every_event_counts_exactly_once_however_often_and_in_whatever_order_it_comes()
    {
        const int seed = 20261122;
        var random = new Random(seed);
        var story = new Story();
        for (var order = 0; order < 60; order++)
        {
            story.Add(order, s_start.AddMinutes(order * 5));
        }

        using var repeats = new DuplicateCounter();
        IIntegrationEvent[] stream = [.. story.Events, .. story.Events, .. story.Events];
        random.Shuffle(stream);
        await analytics.Wire.PublishAsync(stream);
        await analytics.LoggedAsync(story.Events);
        await Eventually.IsAsync("every duplicate was received and not processed", () => Task.FromResult(repeats.Count),
            count => count >= 2 * story.Events.Count);

        Assert.Equal(story.Events.Count, await analytics.Database.ScalarAsync<long>("SELECT count(*) FROM event_log"));
        Assert.Equal(story.Events.Count, await analytics.Database.ScalarAsync<long>("SELECT count(*) FROM inbox"));
        var funnel = await analytics.GetAsync<FunnelResponse>("/analytics/funnel?from=2026-11-20&to=2026-11-22");
        Assert.Equal((60, 45, 15, 30, 15), (funnel.Placed, funnel.Confirmed, funnel.Rejected, funnel.Cancelled, funnel.Shipped));
        Assert.Equal(new StepTimes(2_000, 2_000), funnel.PlacedToConfirmedMs);
        Assert.Equal(new StepTimes(60_000, 60_000), funnel.ConfirmedToShippedMs);
        var sales = await analytics.GetAsync<SalesResponse>("/analytics/sales?from=2026-11-20&to=2026-11-22");
        Assert.Equal(story.Days.OrderBy(day => day.Day).ThenBy(day => day.Currency, StringComparer.Ordinal), sales.Days);
        Assert.Equal(funnel.Confirmed, sales.Days.Sum(day => day.Orders));
        Assert.Equal(0, await analytics.Broker.CountReadyAsync(AnalyticsFixture.DeadLetters));
    }

    /// <summary>Counts the duplicates that the inbox detected.</summary>
    private sealed class DuplicateCounter : IDisposable
    {
        private readonly MeterListener _meters = new();
        private long _count;

        public DuplicateCounter()
        {
            _meters.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == "shop.inbox.deduplicated")
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _meters.SetMeasurementEventCallback<long>((_, count, _, _) => Interlocked.Add(ref _count, count));
            _meters.Start();
        }

        public long Count => Interlocked.Read(ref _count);

        public void Dispose() => _meters.Dispose();
    }

    /// <summary>Orders and the figures that they must give, added up by hand and not by the projections.</summary>
    private sealed class Story
    {
        private readonly Dictionary<(DateOnly, string), SalesDayResponse> _days = [];

        public List<IIntegrationEvent> Events { get; } = [];

        public IEnumerable<SalesDayResponse> Days => _days.Values;

        /// <summary>In rotation: rejected; confirmed and cancelled a day later; shipped; confirmed and cancelled on the same day.</summary>
        public void Add(int number, DateTimeOffset at)
        {
            var id = Guid.CreateVersion7();
            var (total, currency, units) = (10.10m + (number * 0.01m), number % 8 < 4 ? "EUR" : "CHF", 2 + (number % 3));
            Events.Add(Samples.Placed(id, at, total, currency));
            if (number % 4 == 0)
            {
                Events.Add(Samples.Rejected(id, at.AddSeconds(1)));
                return;
            }

            Events.Add(Samples.Confirmed(id, at.AddSeconds(2), total, currency, units));
            Change(at.AddSeconds(2), currency, day => day with
            {
                Orders = day.Orders + 1,
                Units = day.Units + units,
                Revenue = day.Revenue + total,
            });
            if (number % 4 == 2)
            {
                Events.Add(Samples.Shipped(id, at.AddSeconds(62)));
                return;
            }

            var cancelledAt = number % 4 == 1 ? at.AddDays(1) : at.AddSeconds(3);
            Events.Add(Samples.Cancelled(id, cancelledAt, total, wasConfirmed: true, currency));
            Change(cancelledAt, currency, day => day with
            {
                CancelledOrders = day.CancelledOrders + 1,
                CancelledRevenue = day.CancelledRevenue + total,
            });
        }

        private void Change(DateTimeOffset at, string currency, Func<SalesDayResponse, SalesDayResponse> change)
        {
            var day = DateOnly.FromDateTime(at.UtcDateTime);
            var before = _days.GetValueOrDefault((day, currency)) ?? new SalesDayResponse(day, currency, 0, 0, 0, 0, 0);
            _days[(day, currency)] = change(before);
        }
    }
}
