using Shop.Analytics.Features.BestSellers;
using Shop.Analytics.Features.Funnel;
using Shop.Analytics.Features.Projections;
using Shop.Analytics.Features.Rejections;
using Shop.Analytics.Features.SalesPerDay;
using Shop.Analytics.Features.StockOuts;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Ordering.V1;
using Shop.Messaging;

namespace Shop.Analytics.Tests;

public class ProjectionTests
{
    private static readonly Guid s_order = Guid.CreateVersion7();
    private static readonly DateTimeOffset s_at = new(2026, 11, 21, 23, 59, 59, 999, TimeSpan.Zero);

    [Fact]
    public void A_confirmed_order_is_a_sale_on_the_day_of_its_confirmation() => Assert.Equal(
        new SalesDay { Day = new DateOnly(2026, 11, 21), Currency = "CHF", Orders = 1, Units = 7, Revenue = 12.34m },
        Row(DailySales.Projection, Samples.Confirmed(s_order, s_at, 12.34m, "CHF", units: 7)));

    [Fact]
    public void A_day_is_a_day_in_utc_whatever_offset_the_publisher_used()
    {
        var confirmed = Samples.Confirmed(s_order, new DateTimeOffset(2026, 11, 22, 1, 30, 0, TimeSpan.FromHours(2)), 1);

        Assert.Equal(new DateOnly(2026, 11, 21), ((SalesDay)Row(DailySales.Projection, confirmed)).Day);
    }

    [Fact]
    public void A_cancelled_sale_counts_on_the_day_of_the_cancellation() => Assert.Equal(
        new SalesDay { Day = new DateOnly(2026, 11, 24), Currency = "EUR", CancelledOrders = 1, CancelledRevenue = 12.34m },
        Row(DailySales.Projection, Samples.Cancelled(s_order, s_at.AddDays(3), 12.34m, wasConfirmed: true)));

    [Fact]
    public void An_unsold_order_is_not_a_cancelled_sale() =>
        Assert.Empty(DailySales.Projection.RowsOf(Samples.Cancelled(s_order, s_at, 12.34m, wasConfirmed: false)));

    [Fact]
    public void Each_event_of_an_order_fills_in_its_own_part_of_the_journey()
    {
        Assert.Equal(
            new OrderJourney { OrderId = s_order, PlacedAt = s_at, Total = 5, Currency = "EUR" },
            Row(OrderJourneys.Projection, ShopEvents.Catalog.Newest(Samples.Placed(s_order, s_at, 5))));
        Assert.Equal(
            new OrderJourney { OrderId = s_order, ConfirmedAt = s_at, Total = 5, Currency = "EUR" },
            Row(OrderJourneys.Projection, Samples.Confirmed(s_order, s_at, 5)));
        Assert.Equal(
            new OrderJourney { OrderId = s_order, RejectedAt = s_at, RejectionReason = "out-of-stock" },
            Row(OrderJourneys.Projection, Samples.Rejected(s_order, s_at)));
        Assert.Equal(
            new OrderJourney { OrderId = s_order, CancelledAt = s_at, Total = 5, Currency = "EUR" },
            Row(OrderJourneys.Projection, Samples.Cancelled(s_order, s_at, 5, wasConfirmed: false)));
        Assert.Equal(
            new OrderJourney { OrderId = s_order, ShippedAt = s_at }, Row(OrderJourneys.Projection, Samples.Shipped(s_order, s_at)));
    }

    [Fact]
    public void Each_line_of_a_confirmed_order_is_sold() => Assert.Equal(
        [
            new SoldLine { OrderId = s_order, Sku = "TEA-1", Day = new(2026, 11, 21), Currency = "EUR", Units = 3, Revenue = 3 },
            new SoldLine { OrderId = s_order, Sku = "TEA-2", Day = new(2026, 11, 21), Currency = "EUR", Units = 1, Revenue = 1 },
        ], SoldLines.Projection.RowsOf(Samples.Confirmed(s_order, s_at, 9, units: 4)));

    [Fact]
    public void A_rejected_order_counts_once_for_its_reason_and_once_for_each_sku_that_was_short() => Assert.Equal(
        [Rejected("", 9, 6), Rejected("TEA-1", 4, 3), Rejected("TEA-2", 5, 3)],
        RejectedOrders.Projection.RowsOf(Samples.Rejected(s_order, s_at, new("TEA-1", 4, 1), new("TEA-2", 5, 2))));

    [Fact]
    public void A_shortage_is_counted_from_Inventory_and_not_again_from_Ordering()
    {
        var failed = new StockReservationFailed(Guid.CreateVersion7(), s_at, s_order, 1, [new("TEA-1", 5, 2)]);

        Assert.Equal(
            new StockOutDay { Day = new(2026, 11, 21), Sku = "TEA-1", Shortages = 1, Asked = 5, Missing = 3 }, Row(StockOutDays.Projection, failed));
        Assert.Empty(StockOutDays.Projection.RowsOf(Samples.Rejected(s_order, s_at)));
    }

    [Fact]
    public void A_low_stock_level_is_an_alert() => Assert.Equal(
        new StockOutDay { Day = new(2026, 11, 21), Sku = "TEA-1", LowAlerts = 1 },
        Row(StockOutDays.Projection, new StockLevelLow(Guid.CreateVersion7(), s_at, "TEA-1", 7, 2, 5)));

    [Fact]
    public void Irrelevant_events_do_not_change_a_projection()
    {
        var received = Samples.OneOfEach(s_at).Concat([Samples.Cancelled(s_order, s_at, 1, wasConfirmed: true)])
            .SelectMany(e => AllProjections.Catalog.All.Where(p => p.RowsOf(e).Any()), (e, p) => (p.Name, e.GetType().Name)).ToHashSet();

        Assert.Equal(
            [
                ("best-sellers", nameof(OrderConfirmed)), ("funnel", nameof(OrderCancelled)), ("funnel", nameof(OrderConfirmed)),
                ("funnel", nameof(OrderPlaced)), ("funnel", nameof(OrderRejected)), ("funnel", nameof(OrderShipped)),
                ("rejections", nameof(OrderRejected)), ("sales", nameof(OrderCancelled)), ("sales", nameof(OrderConfirmed)),
                ("stock-outs", nameof(StockLevelLow)), ("stock-outs", nameof(StockReservationFailed)),
            ], received.Order());
    }

    private static object Row(Projection projection, IIntegrationEvent @event) => Assert.Single(projection.RowsOf(@event));

    private static RejectionDay Rejected(string sku, long asked, long missing) => new()
    {
        Day = new DateOnly(2026, 11, 21),
        Reason = "out-of-stock",
        Sku = sku,
        Orders = 1,
        Asked = asked,
        Missing = missing,
    };
}
