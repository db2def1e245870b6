using Shop.Inventory.Domain;
using Shop.Messaging.DomainEvents;

namespace Shop.Inventory.Tests;

public sealed class ReservationTests
{
    private static readonly DateTimeOffset s_now = new(2026, 11, 22, 9, 0, 0, TimeSpan.Zero);
    private static readonly Guid s_order = Guid.CreateVersion7(s_now);
    private static readonly ReservationLine[] s_lines = [new("A", 1), new("B", 2)];

    [Fact]
    public void Reserving_raises_StockReserved_with_its_lines()
    {
        var reservation = Reservation.Reserve(s_order, s_lines, TimeSpan.FromHours(1), [], s_now);

        var reserved = Assert.IsType<StockReserved>(Assert.Single(reservation.TakeEvents()));
        Assert.Equal((s_order, 1), (reserved.OrderId, reserved.ReservationVersion));
        Assert.Equal(s_lines, reserved.Lines);
        Assert.Equal((s_now.AddHours(1), s_now.AddHours(1)), (reserved.ExpiresAt, reservation.ExpiresAt));
    }

    [Fact]
    public void Reserving_raises_StockLevelLow_for_products_that_became_low()
    {
        var low = new StockLevelLow("A", 7, 3, 3, s_now);

        var reservation = Reservation.Reserve(s_order, s_lines, TimeSpan.FromHours(1), [low], s_now);

        Assert.Same(low, reservation.TakeEvents()[1]);
    }

    [Fact]
    public void A_reservation_expires_once_and_not_before_its_time()
    {
        var reservation = Reserved();

        Assert.False(reservation.Expire(s_now.AddHours(1).AddTicks(-10)));
        Assert.True(reservation.Expire(s_now.AddHours(1)));
        Assert.False(reservation.Expire(s_now.AddHours(2)));

        var expired = Assert.IsType<StockReservationExpired>(Assert.Single(reservation.TakeEvents()));
        Assert.Equal((2, s_now.AddHours(1)), (expired.ReservationVersion, expired.At));
        Assert.Equal(s_lines, expired.Lines);
        Assert.False(reservation.Release(s_now));
        Assert.Equal(ReservationStatus.Expired, reservation.Status);
    }

    [Fact]
    public void A_released_or_shipped_reservation_does_not_expire()
    {
        var (released, shipped) = (Reserved(), Reserved());
        released.Release(s_now);
        shipped.Ship(s_now);

        Assert.False(released.Expire(s_now.AddDays(1)));
        Assert.False(shipped.Expire(s_now.AddDays(1)));
    }

    [Fact]
    public void An_expired_reservation_is_shipped_from_the_units_on_hand_once()
    {
        var reservation = Reserved();
        reservation.Expire(s_now.AddHours(1));
        reservation.TakeEvents();

        Assert.Equal(ShippedFrom.Shelf, reservation.Ship(s_now.AddHours(2)));
        Assert.Equal(ShippedFrom.Nowhere, reservation.Ship(s_now.AddHours(3)));

        var shipped = Assert.IsType<StockShipped>(Assert.Single(reservation.TakeEvents()));
        Assert.Equal((ShippedFrom.Shelf, 3), (shipped.From, shipped.ReservationVersion));
        Assert.Equal(ReservationStatus.Shipped, reservation.Status);
    }

    [Fact]
    public void A_failed_reservation_has_its_short_lines_and_nothing_to_release()
    {
        var reservation = Reservation.Fail(s_order, s_lines, [new ShortLine("B", 2, 1)], s_now);

        var failed = Assert.IsType<StockReservationFailed>(Assert.Single(reservation.TakeEvents()));
        Assert.Equal([new ShortLine("B", 2, 1)], failed.ShortLines);
        Assert.False(reservation.Release(s_now));
        Assert.Equal((ReservationStatus.Failed, 1), (reservation.Status, reservation.Version));
    }

    [Fact]
    public void Releasing_is_idempotent()
    {
        var reservation = Reserved();

        Assert.True(reservation.Release(s_now));
        Assert.False(reservation.Release(s_now));

        var released = Assert.IsType<StockReleased>(Assert.Single(reservation.TakeEvents()));
        Assert.Equal(2, released.ReservationVersion);
        Assert.Equal(s_lines, released.Lines);
    }

    [Fact]
    public void Shipping_is_idempotent_and_shipped_units_are_not_released()
    {
        var reservation = Reserved();

        Assert.Equal(ShippedFrom.Reserved, reservation.Ship(s_now));
        Assert.Equal(ShippedFrom.Nowhere, reservation.Ship(s_now));
        Assert.False(reservation.Release(s_now));

        Assert.IsType<StockShipped>(Assert.Single(reservation.TakeEvents()));
        Assert.Equal((ReservationStatus.Shipped, 2), (reservation.Status, reservation.Version));
    }

    [Fact]
    public void Stock_that_is_not_reserved_cannot_be_shipped()
    {
        var failed = Reservation.Fail(s_order, s_lines, [new ShortLine("B", 2, 1)], s_now);
        var released = Reservation.ReleaseBeforePlacement(s_order, s_now);

        Assert.Equal("nothing-reserved", Assert.Throws<DomainException>(() => failed.Ship(s_now)).Code);
        Assert.Equal("nothing-reserved", Assert.Throws<DomainException>(() => released.Ship(s_now)).Code);
    }

    [Fact]
    public void A_release_before_placement_raises_no_event()
    {
        var reservation = Reservation.ReleaseBeforePlacement(s_order, s_now);

        Assert.False(reservation.HasEvents);
        Assert.Empty(reservation.Lines);
        Assert.Equal(ReservationStatus.Released, reservation.Status);
    }

    [Fact]
    public void Lines_are_sorted_by_the_bytes_of_their_skus() => Assert.Equal(["B", "a", "b"],
        Reservation.Sorted([new("b", 1), new("a", 1), new("B", 1)]).Select(line => line.Sku));

    [Fact]
    public void An_order_without_lines_or_units_or_with_a_sku_twice_is_malformed()
    {
        ReservationLine[][] malformed = [[], [new("A", 0)], [new("A", -1)], [new("A", 1), new("A", 2)]];

        Assert.All(malformed, lines =>
            Assert.Equal("malformed-order", Assert.Throws<DomainException>(() => Reservation.Sorted(lines)).Code));
    }

    private static Reservation Reserved()
    {
        var reservation = Reservation.Reserve(s_order, s_lines, TimeSpan.FromHours(1), [], s_now);
        reservation.TakeEvents();
        return reservation;
    }
}
