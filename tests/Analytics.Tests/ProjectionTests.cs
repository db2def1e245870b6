using Shop.Analytics.Features.Funnel;
using Shop.Analytics.Features.SalesPerDay;
using Shop.Contracts.Ordering.V1;

namespace Shop.Analytics.Tests;

public class ProjectionTests
{
    private static readonly Guid s_order = Guid.CreateVersion7();
    private static readonly DateTimeOffset s_at = new(2026, 11, 21, 23, 59, 59, 999, TimeSpan.Zero);

    [Fact]
    public void A_confirmed_order_is_a_sale_on_the_day_of_its_confirmation()
    {
        var change = DailySales.Of(Samples.Confirmed(s_order, s_at, 12.34m, "CHF", units: 7));

        Assert.Equal(new SalesChange(new DateOnly(2026, 11, 21), "CHF", Orders: 1, Units: 7, Revenue: 12.34m), change);
    }

    [Fact]
    public void A_day_is_a_day_in_utc_whatever_offset_the_publisher_used()
    {
        var change = DailySales.Of(Samples.Confirmed(s_order, new DateTimeOffset(2026, 11, 22, 1, 30, 0, TimeSpan.FromHours(2)), 1));

        Assert.Equal(new DateOnly(2026, 11, 21), change!.Day);
    }

    [Fact]
    public void A_cancelled_sale_counts_on_the_day_of_the_cancellation()
    {
        var change = DailySales.Of(Samples.Cancelled(s_order, s_at.AddDays(3), 12.34m, wasConfirmed: true));

        Assert.Equal(new SalesChange(new DateOnly(2026, 11, 24), "EUR", CancelledOrders: 1, CancelledRevenue: 12.34m), change);
    }

    [Fact]
    public void What_was_never_sold_is_no_cancelled_sale() =>
        Assert.Null(DailySales.Of(Samples.Cancelled(s_order, s_at, 12.34m, wasConfirmed: false)));

    [Fact]
    public void Nothing_but_confirmations_and_cancellations_changes_sales() => Assert.All(
        Samples.OneOfEach(s_at).Where(e => e is not OrderConfirmed and not OrderCancelled), e => Assert.Null(DailySales.Of(e)));

    [Fact]
    public void Each_event_of_an_order_fills_in_its_own_part_of_the_journey()
    {
        Assert.Equal(
            new OrderJourney { OrderId = s_order, PlacedAt = s_at, Total = 5, Currency = "EUR" },
            OrderJourneys.Of(Samples.Placed(s_order, s_at, 5)));
        Assert.Equal(
            new OrderJourney { OrderId = s_order, ConfirmedAt = s_at, Total = 5, Currency = "EUR" },
            OrderJourneys.Of(Samples.Confirmed(s_order, s_at, 5)));
        Assert.Equal(
            new OrderJourney { OrderId = s_order, RejectedAt = s_at, RejectionReason = "out-of-stock" },
            OrderJourneys.Of(Samples.Rejected(s_order, s_at)));
        Assert.Equal(
            new OrderJourney { OrderId = s_order, CancelledAt = s_at, Total = 5, Currency = "EUR" },
            OrderJourneys.Of(Samples.Cancelled(s_order, s_at, 5, wasConfirmed: false)));
        Assert.Equal(new OrderJourney { OrderId = s_order, ShippedAt = s_at }, OrderJourneys.Of(Samples.Shipped(s_order, s_at)));
    }

    [Fact]
    public void Nothing_but_an_orders_own_events_is_part_of_its_journey() => Assert.All(
        Samples.OneOfEach(s_at).Where(e => !e.GetType().Name.StartsWith("Order", StringComparison.Ordinal)),
        e => Assert.Null(OrderJourneys.Of(e)));
}
