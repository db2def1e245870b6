using Shop.Messaging.DomainEvents;
using Shop.Ordering.Domain;

namespace Shop.Ordering.Tests;

/// <summary>What an order makes of everything that can happen to it, in every status: written out here a second time.</summary>
public sealed class OrderTransitionsTests
{
    private static readonly DateTimeOffset s_now = new(2026, 11, 22, 12, 0, 0, TimeSpan.Zero);

    private static readonly (string Status, string Trigger, string Result)[] s_expected =
    [
        ("Placed", "StockReserved", "Confirmed"),
        ("Confirmed", "StockReserved", "ignored"),
        ("Rejected", "StockReserved", "ignored"),
        ("Cancelled", "StockReserved", "ignored"),
        ("Shipped", "StockReserved", "ignored"),

        ("Placed", "ReservationFailed", "Rejected: out-of-stock"),
        ("Confirmed", "ReservationFailed", "ignored"),
        ("Rejected", "ReservationFailed", "ignored"),
        ("Cancelled", "ReservationFailed", "ignored"),
        ("Shipped", "ReservationFailed", "ignored"),

        ("Placed", "ReservationExpired", "Cancelled: reservation-expired"),
        ("Confirmed", "ReservationExpired", "Cancelled: reservation-expired"),
        ("Rejected", "ReservationExpired", "ignored"),
        ("Cancelled", "ReservationExpired", "ignored"),
        ("Shipped", "ReservationExpired", "ignored"),

        ("Placed", "Cancel", "Cancelled: customer-request"),
        ("Confirmed", "Cancel", "Cancelled: customer-request"),
        ("Rejected", "Cancel", "refused: order-not-cancellable"),
        ("Cancelled", "Cancel", "ignored"),
        ("Shipped", "Cancel", "refused: order-not-cancellable"),

        ("Placed", "Ship", "refused: order-not-shippable"),
        ("Confirmed", "Ship", "Shipped"),
        ("Rejected", "Ship", "refused: order-not-shippable"),
        ("Cancelled", "Ship", "refused: order-not-shippable"),
        ("Shipped", "Ship", "ignored"),

        ("Placed", "AnswerOverdue", "Cancelled: not-answered"),
        ("Confirmed", "AnswerOverdue", "ignored"),
        ("Rejected", "AnswerOverdue", "ignored"),
        ("Cancelled", "AnswerOverdue", "ignored"),
        ("Shipped", "AnswerOverdue", "ignored"),
    ];

    public static TheoryData<string, string, string> Cells
    {
        get
        {
            var cells = new TheoryData<string, string, string>();
            Array.ForEach(s_expected, cell => cells.Add(cell.Status, cell.Trigger, cell.Result));
            return cells;
        }
    }

    [Fact]
    public void The_table_and_this_test_have_every_cell()
    {
        var all = from status in Enum.GetValues<OrderStatus>()
                  from trigger in Enum.GetValues<OrderTrigger>()
                  select (status.ToString(), trigger.ToString());

        Assert.Equal(all.Order(), s_expected.Select(cell => (cell.Status, cell.Trigger)).Order());
        Assert.All(all, cell => Assert.NotNull(OrderTransitions.For(Enum.Parse<OrderStatus>(cell.Item1), Enum.Parse<OrderTrigger>(cell.Item2))));
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public void Every_status_has_an_outcome_for_every_trigger(string status, string trigger, string result)
    {
        var order = In(Enum.Parse<OrderStatus>(status));
        var version = order.Version;
        var reason = order.Reason;

        var error = Record.Exception(() => Apply(order, Enum.Parse<OrderTrigger>(trigger))) as DomainException;

        var events = order.TakeEvents();
        if (result == "ignored" || result.StartsWith("refused", StringComparison.Ordinal))
        {
            Assert.Equal((status, version, reason), (order.Status.ToString(), order.Version, order.Reason));
            Assert.Empty(events);
            Assert.Equal(result == "ignored" ? null : result, error is null ? null : $"refused: {error.Code}");
            Assert.Equal(result != "ignored", error?.Conflict ?? false);
            return;
        }

        Assert.Null(error);
        Assert.Equal(result, order.Reason is null ? order.Status.ToString() : $"{order.Status}: {order.Reason}");
        Assert.Equal(version + 1, order.Version);
        var moved = Assert.IsType<OrderStatusChanged>(events[0]);
        Assert.Equal((status, order.Status, order.Version, order.Reason), (moved.From.ToString(), moved.To, moved.OrderVersion, moved.Reason));
        Assert.Equal(2, events.Count); // the status change, and the specific event
    }

    [Fact]
    public void A_rejection_names_the_status_and_the_allowed_ones()
    {
        var refused = Assert.Throws<DomainException>(() => Apply(In(OrderStatus.Rejected), OrderTrigger.Cancel));

        Assert.Equal("The order is rejected; only a placed or confirmed order can be cancelled.", refused.Message);
    }

    [Fact]
    public void Rejected_cancelled_and_shipped_are_final() =>
        Assert.Equal([OrderStatus.Rejected, OrderStatus.Cancelled, OrderStatus.Shipped],
            Enum.GetValues<OrderStatus>().Where(OrderTransitions.IsFinal));

    [Fact]
    public void A_cancellation_records_whether_the_order_had_been_confirmed()
    {
        foreach (var trigger in (OrderTrigger[])[OrderTrigger.Cancel, OrderTrigger.ReservationExpired])
        {
            foreach (var status in (OrderStatus[])[OrderStatus.Placed, OrderStatus.Confirmed])
            {
                var order = In(status);
                Apply(order, trigger);
                Assert.Equal(status == OrderStatus.Confirmed, Assert.Single(order.TakeEvents().OfType<OrderCancelled>()).WasConfirmed);
            }
        }
    }

    [Theory]
    [InlineData("StockReserved")]
    [InlineData("ReservationFailed")]
    [InlineData("ReservationExpired")]
    public void An_event_that_is_not_newer_than_the_last_one_is_late_whatever_its_kind(string trigger)
    {
        foreach (var version in (int[])[0, 1, 2])
        {
            var order = In(OrderStatus.Placed);
            order.Reject(2, [], s_event, s_now); // received: version 2
            order.TakeEvents();

            Apply(order, Enum.Parse<OrderTrigger>(trigger), version);

            Assert.Equal((OrderStatus.Rejected, 2), (order.Status, order.ReservationVersion));
            Assert.Empty(order.TakeEvents());
        }

        Assert.False(In(OrderStatus.Placed).Confirm(0, s_event, s_now)); // a version is from 1
    }

    [Fact]
    public void A_reservation_that_arrives_after_its_expiry_does_not_confirm()
    {
        var order = In(OrderStatus.Placed);

        Assert.True(order.LoseReservation(2, s_event, s_now));
        Assert.False(order.Confirm(1, s_event, s_now));

        Assert.Equal((OrderStatus.Cancelled, "reservation-expired"), (order.Status, order.Reason));
    }

    [Fact]
    public void A_late_event_still_advances_the_reservation_version()
    {
        var order = In(OrderStatus.Cancelled);

        Assert.False(order.Confirm(1, s_event, s_now));

        Assert.Equal((1, 2), (order.ReservationVersion, order.Version));
    }

    [Fact]
    public void The_documentation_shows_the_table_of_the_code()
    {
        var documented = File.ReadAllText(Path.Combine(Repository(), "docs", "flows", "ordering.md"));

        Assert.Contains(TableAsMarkdown(), documented, StringComparison.Ordinal);
    }

    private static readonly Cause s_event = Cause.Event("inventory.some-event.v1");

    private static string TableAsMarkdown()
    {
        var statuses = Enum.GetValues<OrderStatus>();
        var rows = Enum.GetValues<OrderTrigger>().Select(trigger =>
            $"| {trigger} | {string.Join(" | ", statuses.Select(status => Cell(OrderTransitions.For(status, trigger))))} |");
        return $"| | {string.Join(" | ", statuses)} |\n|{string.Concat(Enumerable.Repeat("---|", statuses.Length + 1))}\n{string.Join('\n', rows)}\n";
    }

    private static string Cell(Transition transition) => transition switch
    {
        Transition.Becomes becomes => $"**{becomes.Status}**",
        Transition.Refused => "409",
        _ => "ignored",
    };

    private static string Repository()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "Shop.sln")))
        {
            root = root.Parent!;
        }

        return root.FullName;
    }

    private static Order In(OrderStatus status)
    {
        var order = Order.Place("ada", [new OrderLine("TEA-1", "Tea", 1, 4, "EUR")], 0, s_now);
        OrderTrigger[] path = status switch
        {
            OrderStatus.Placed => [],
            OrderStatus.Confirmed => [OrderTrigger.StockReserved],
            OrderStatus.Rejected => [OrderTrigger.ReservationFailed],
            OrderStatus.Cancelled => [OrderTrigger.Cancel],
            _ => [OrderTrigger.StockReserved, OrderTrigger.Ship],
        };
        Array.ForEach(path, trigger => Apply(order, trigger));
        order.TakeEvents();
        Assert.Equal(status, order.Status);
        return order;
    }

    /// <summary>An event without a version is newer than any received before.</summary>
    private static void Apply(Order order, OrderTrigger trigger, int? reservationVersion = null)
    {
        var version = reservationVersion ?? order.ReservationVersion + 1;
        switch (trigger)
        {
            case OrderTrigger.StockReserved:
                order.Confirm(version, s_event, s_now);
                break;
            case OrderTrigger.ReservationFailed:
                order.Reject(version, [new ShortLine("TEA-1", 1, 0)], s_event, s_now);
                break;
            case OrderTrigger.ReservationExpired:
                order.LoseReservation(version, s_event, s_now);
                break;
            case OrderTrigger.Cancel:
                order.Cancel(new Cause(CauseKind.Customer, "ada"), s_now);
                break;
            case OrderTrigger.Ship:
                order.Ship(new Cause(CauseKind.Staff, "boss"), s_now);
                break;
            default:
                order.TimeOut(s_now);
                break;
        }
    }
}
