using Shop.Analytics.Features.BestSellers;
using Shop.Analytics.Features.Funnel;
using Shop.Analytics.Features.Rejections;
using Shop.Analytics.Features.SalesPerDay;
using Shop.Analytics.Features.StockOuts;
using Shop.Contracts.Ordering.V1;
using Shop.Messaging;

namespace Shop.Analytics.Tests;

/// <summary>Each figure from events with an obvious result. Each test uses its own day.</summary>
public class FigureTests(AnalyticsFixture analytics) : IClassFixture<AnalyticsFixture>
{
    [Fact]
    public async Task Best_sellers_are_ranked_by_units_per_sku_and_currency()
    {
        var at = new DateTimeOffset(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
        await PublishAsync(
            Sold(at, "EUR", new("TEA-1", 2, 3.50m), new("TEA-2", 5, 1)),
            Sold(at.AddDays(1), "EUR", new OrderConfirmed.Line("TEA-1", 4, 3)),
            Sold(at, "CHF", new OrderConfirmed.Line("TEA-1", 1, 9)),
            Sold(at.AddDays(2), "EUR", new OrderConfirmed.Line("TEA-1", 100, 9)));

        var top = await analytics.GetAsync<BestSellersResponse>("/analytics/best-sellers?from=2026-01-01&to=2026-01-02");
        var first = await analytics.GetAsync<BestSellersResponse>("/analytics/best-sellers?from=2026-01-01&to=2026-01-02&limit=1");

        Assert.Equal([new("TEA-1", "EUR", 2, 6, 19), new("TEA-2", "EUR", 1, 5, 5), new("TEA-1", "CHF", 1, 1, 9)], top.Items);
        Assert.Equal(top.Items.Take(1), first.Items);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_cancelled_order_is_removed_from_the_best_sellers_of_the_day_of_its_sale(bool cancelledComesFirst)
    {
        var at = new DateTimeOffset(2026, 1, cancelledComesFirst ? 20 : 10, 12, 0, 0, TimeSpan.Zero);
        var kept = Sold(at, "EUR", new OrderConfirmed.Line("TEA-1", 1, 2));
        var sold = Sold(at, "EUR", new OrderConfirmed.Line("TEA-1", 8, 2));
        var cancelled = Samples.Cancelled(sold.OrderId, at.AddDays(3), 16, wasConfirmed: true);
        await PublishAsync(kept, cancelledComesFirst ? cancelled : sold);
        await PublishAsync(cancelledComesFirst ? sold : cancelled);

        var day = $"from={at:yyyy-MM-dd}&to={at:yyyy-MM-dd}";
        Assert.Equal([new("TEA-1", "EUR", 1, 1, 2)], (await analytics.GetAsync<BestSellersResponse>("/analytics/best-sellers?" + day)).Items);

        // The sales keep what was sold that day, and show the cancellation on its own.
        Assert.Equal([new(DateOnly.FromDateTime(at.UtcDateTime), "EUR", 2, 9, 18, 0, 0)],
            (await analytics.GetAsync<SalesResponse>("/analytics/sales?" + day)).Days);
    }

    [Fact]
    public async Task The_funnel_gives_the_median_and_the_95th_percentile_of_known_times()
    {
        var at = new DateTimeOffset(2026, 2, 1, 8, 0, 0, TimeSpan.Zero);
        IEnumerable<IIntegrationEvent> Order(int seconds)
        {
            var id = Guid.CreateVersion7();
            yield return Samples.Shipped(id, at.AddSeconds(seconds + (10 * seconds))); // out of order, too
            yield return Samples.Placed(id, at, 1);
            yield return Samples.Confirmed(id, at.AddSeconds(seconds), 1);
        }

        // 1 to 21 seconds: the median is the 11th, the 95th percentile the 20th of 21.
        await PublishAsync([.. Enumerable.Range(1, 21).SelectMany(Order), Samples.Placed(Guid.CreateVersion7(), at.AddHours(2), 1)]);

        var funnel = await analytics.GetAsync<FunnelResponse>("/analytics/funnel?from=2026-02-01&to=2026-02-01");

        Assert.Equal(new StepTimes(11_000, 20_000), funnel.PlacedToConfirmedMs);
        Assert.Equal(new StepTimes(110_000, 200_000), funnel.ConfirmedToShippedMs);
        Assert.Equal((22, 21, 21), (funnel.Placed, funnel.Confirmed, funnel.Shipped));
    }

    [Fact]
    public async Task The_funnel_follows_the_orders_placed_in_its_days_wherever_they_went_later()
    {
        var (id, at) = (Guid.CreateVersion7(), new DateTimeOffset(2026, 2, 10, 23, 59, 59, TimeSpan.Zero));
        await PublishAsync(Samples.Placed(id, at, 1), Samples.Confirmed(id, at.AddDays(1), 1), Samples.Shipped(id, at.AddDays(40)));

        var own = await analytics.GetAsync<FunnelResponse>("/analytics/funnel?from=2026-02-10&to=2026-02-10");
        var next = await analytics.GetAsync<FunnelResponse>("/analytics/funnel?from=2026-02-11&to=2026-03-31");

        Assert.Equal((1, 1, 1), (own.Placed, own.Confirmed, own.Shipped));
        Assert.Equal((0, 0, 0), (next.Placed, next.Confirmed, next.Shipped));
    }

    [Fact]
    public async Task Rejections_are_counted_by_reason_and_sku()
    {
        var at = new DateTimeOffset(2026, 3, 1, 0, 0, 0, TimeSpan.Zero);
        await PublishAsync(
            Samples.Rejected(Guid.CreateVersion7(), at, new("TEA-1", 4, 1), new("TEA-2", 5, 0)),
            Samples.Rejected(Guid.CreateVersion7(), at.AddDays(1), new OrderRejected.ShortLine("TEA-1", 2, 1)),
            Samples.Rejected(Guid.CreateVersion7(), at) with { Reason = "closed", ShortLines = [] },
            Samples.Rejected(Guid.CreateVersion7(), at.AddDays(2)));

        var rejections = await analytics.GetAsync<RejectionsResponse>("/analytics/rejections?from=2026-03-01&to=2026-03-02");

        Assert.Equal([("out-of-stock", 2), ("closed", 1)], rejections.Reasons.Select(reason => (reason.Reason, reason.Orders)));
        Assert.Equal([new("TEA-1", 2, 6, 4), new("TEA-2", 1, 5, 5)], rejections.Reasons[0].Skus);
        Assert.Empty(rejections.Reasons[1].Skus);
    }

    [Fact]
    public async Task Stock_outs_count_shortages_and_missing_units_of_a_sku()
    {
        var at = new DateTimeOffset(2026, 4, 1, 0, 0, 0, TimeSpan.Zero);
        await PublishAsync(
            Samples.Short(Guid.CreateVersion7(), at, new("TEA-1", 4, 1), new("TEA-2", 5, 4)),
            Samples.Short(Guid.CreateVersion7(), at.AddDays(1), new Contracts.Inventory.V1.StockReservationFailed.ShortLine("TEA-1", 2, 0)),
            Samples.Low("TEA-2", at),
            Samples.Low("TEA-3", at),
            Samples.Low("TEA-3", at.AddDays(2)));

        var stockOuts = await analytics.GetAsync<StockOutsResponse>("/analytics/stock-outs?from=2026-04-01&to=2026-04-02");

        Assert.Equal([new("TEA-1", 2, 6, 5, 0), new("TEA-2", 1, 5, 1, 1), new("TEA-3", 0, 0, 0, 1)], stockOuts.Items);
    }

    private static OrderConfirmed Sold(DateTimeOffset at, string currency, params OrderConfirmed.Line[] lines) => new(
        Guid.CreateVersion7(), at, Guid.CreateVersion7(), 2, "ada", lines, lines.Sum(line => line.Quantity * line.UnitPrice), currency);

    private async Task PublishAsync(params IIntegrationEvent[] events)
    {
        await analytics.Wire.PublishAsync(events);
        await analytics.LoggedAsync(events);
    }
}
