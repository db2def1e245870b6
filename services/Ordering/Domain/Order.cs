using Shop.Messaging.DomainEvents;
using Shop.Messaging.Operations;
using Shop.ServiceDefaults.Domain;


namespace Shop.Ordering.Domain;

/// <summary>
/// A customer's order. <see cref="OrderTransitions"/> is its state machine;
/// the methods here raise the events of each transition.
/// </summary>
internal sealed class Order : AggregateRoot
{
    public const int MaxLines = 100;
    public const int MaxQuantity = 1_000;

    private readonly List<OrderLine> _lines = [];
    private List<ShortLine> _shortLines = [];

    private Order() { } // EF Core

    public Guid Id { get; private init; }

    public string CustomerId { get; private init; } = "";

    public OrderStatus Status { get; private set; }

    public IReadOnlyList<OrderLine> Lines => _lines;

    public decimal Discount { get; private init; }

    public decimal Total { get; private init; }

    public string Currency { get; private init; } = "";

    public DateTimeOffset PlacedAt { get; private init; }

    /// <summary>Why it was rejected or cancelled, as a stable code: one of <see cref="CancelReasons"/> or out-of-stock.</summary>
    public string? Reason { get; private set; }

    /// <summary>The highest version of its reservation that was received, 0 before the first. Events with a lower or equal version are late.</summary>
    public int ReservationVersion { get; private set; }

    public IReadOnlyList<ShortLine> ShortLines => _shortLines;

    /// <summary>Places an order at current prices, which it keeps.</summary>
    /// <param name="customerId">Who places it.</param>
    /// <param name="lines">1 to 100 lines, each sku once, all in one currency.</param>
    /// <param name="discount">Percent off for this customer, 0 to 100.</param>
    /// <param name="now">When.</param>
    /// <param name="channel">The sales channel, such as <c>web</c>; null where unknown.</param>
    public static Order Place(
        string customerId, IReadOnlyList<OrderLine> lines, decimal discount, DateTimeOffset now, string? channel = null)
    {
        var currency = Check(lines);
        var sum = lines.Sum(line => line.Quantity * line.UnitPrice);
        var total = Math.Min(currency.Round(sum * (100 - discount) / 100), currency.RoundDown(sum));
        var order = new Order
        {
            Id = Guid.CreateVersion7(now),
            CustomerId = customerId,
            Status = OrderStatus.Placed,
            Discount = sum - total,
            Total = total,
            Currency = currency.Code,
            PlacedAt = now,
            Version = 1,
        };
        order._lines.AddRange(lines);
        order.Raise(new OrderPlaced(order.Id, order.Version, customerId, order.Discount, order.Total, order.Currency, channel, now));
        foreach (var line in lines)
        {
            order.Raise(new OrderLineAdded(order.Id, line.Sku, line.Quantity, line.UnitPrice, now));
        }

        order.Raise(new OrderStatusChanged(order.Id, order.Version, null, order.Status, null, new Cause(CauseKind.Customer, customerId), now));
        return order;
    }

    /// <summary>Confirms: Inventory has reserved the stock. Returns false for a late event.</summary>
    public bool Confirm(int reservationVersion, Cause cause, DateTimeOffset now)
    {
        if (!TryAdvanceReservation(reservationVersion) || !TryTransition(OrderTrigger.StockReserved, null, cause, now))
        {
            return false;
        }

        var lines = _lines.Select(line => new OrderConfirmed.Line(line.Sku, line.Quantity, line.UnitPrice)).ToList();
        Raise(new OrderConfirmed(Id, Version, CustomerId, lines, Total, Currency, now));
        return true;
    }

    /// <summary>Rejects: Inventory cannot reserve the stock. Returns false for a late event.</summary>
    public bool Reject(int reservationVersion, IReadOnlyList<ShortLine> shortLines, Cause cause, DateTimeOffset now)
    {
        const string OutOfStock = "out-of-stock";
        if (!TryAdvanceReservation(reservationVersion) || !TryTransition(OrderTrigger.ReservationFailed, OutOfStock, cause, now))
        {
            return false;
        }

        _shortLines = [.. shortLines];
        Raise(new OrderRejected(Id, Version, CustomerId, OutOfStock, shortLines, now));
        return true;
    }

    /// <summary>Cancels: the reservation has expired, so the order can no longer be shipped. Returns false for a late event.</summary>
    public bool LoseReservation(int reservationVersion, Cause cause, DateTimeOffset now) =>
        TryAdvanceReservation(reservationVersion) && TryCancel(OrderTrigger.ReservationExpired, CancelReasons.ReservationExpired, cause, now);

    /// <summary>Cancels at the customer's request. Idempotent.</summary>
    /// <exception cref="DomainException">It is shipped or rejected.</exception>
    public void Cancel(Cause cause, DateTimeOffset now) => TryCancel(OrderTrigger.Cancel, CancelReasons.CustomerRequest, cause, now);

    /// <summary>Cancels: Inventory has not answered before the deadline. Returns false for an order that is no longer waiting.</summary>
    public bool TimeOut(DateTimeOffset now) =>
        TryCancel(OrderTrigger.AnswerOverdue, CancelReasons.NotAnswered, Cause.Deadline, now);

    /// <summary>Ships. Idempotent.</summary>
    /// <exception cref="DomainException">It is not confirmed.</exception>
    public void Ship(Cause cause, DateTimeOffset now)
    {
        if (TryTransition(OrderTrigger.Ship, null, cause, now))
        {
            Raise(new OrderShipped(Id, Version, CustomerId, now));
        }
    }

    /// <summary>Validates the lines and returns their currency.</summary>
    private static Currency Check(IReadOnlyList<OrderLine> lines)
    {
        if (lines.Count is 0 or > MaxLines)
        {
            throw new DomainException("order-size", $"An order needs 1 to {MaxLines} lines; this one has {lines.Count}.");
        }

        if (lines.FirstOrDefault(line => line.Quantity is < 1 or > MaxQuantity) is { } odd)
        {
            throw new DomainException("order-quantity", $"A quantity must be 1 to {MaxQuantity}; it is {odd.Quantity} for {odd.Sku}.");
        }

        if (lines.GroupBy(line => line.Sku).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw new DomainException("duplicate-sku", $"{twice.Key} is on more than one line; combine its units on one line.");
        }

        if (lines.Any(line => line.Currency != lines[0].Currency))
        {
            throw new DomainException("mixed-currencies", "All products of an order must have the same currency; order the others separately.");
        }

        return Iso4217.Find(lines[0].Currency)
            ?? throw new DomainException("invalid-currency", $"{lines[0].Sku} is listed in {lines[0].Currency}, which is not a supported currency.");
    }

    /// <summary>Advances the reservation's version; false for a late event, which a newer one has overtaken.</summary>
    private bool TryAdvanceReservation(int reservationVersion)
    {
        if (reservationVersion <= ReservationVersion)
        {
            return false;
        }

        ReservationVersion = reservationVersion;
        return true;
    }

    private bool TryCancel(OrderTrigger trigger, string reason, Cause cause, DateTimeOffset now)
    {
        var wasConfirmed = Status == OrderStatus.Confirmed;
        if (!TryTransition(trigger, reason, cause, now))
        {
            return false;
        }

        Raise(new OrderCancelled(Id, Version, CustomerId, reason, wasConfirmed, Total, Currency, now));
        return true;
    }

    /// <summary>Applies the transition table. True if the status changed.</summary>
    private bool TryTransition(OrderTrigger trigger, string? reason, Cause cause, DateTimeOffset now)
    {
        switch (OrderTransitions.For(Status, trigger))
        {
            case Transition.Refused refused:
                throw new DomainException(
                    refused.Code, $"The order is {Status.ToString().ToLowerInvariant()}; {refused.Allowed}.", conflict: true);
            case Transition.Becomes becomes:
                var from = Status;
                Status = becomes.Status;
                Reason = reason;
                Version++;
                Raise(new OrderStatusChanged(Id, Version, from, Status, reason, cause, now));
                return true;
            default:
                return false;
        }
    }
}

/// <summary>Why an order was cancelled: the stable codes of OrderCancelled.</summary>
internal static class CancelReasons
{
    public const string CustomerRequest = "customer-request";
    public const string NotAnswered = "not-answered";
    public const string ReservationExpired = "reservation-expired";
}

/// <summary>One product of an order, with the name and price at the time of placing.</summary>
internal sealed record OrderLine(string Sku, string Name, int Quantity, decimal UnitPrice, string Currency);

/// <summary>A line that is short of stock.</summary>
internal sealed record ShortLine(string Sku, int Asked, int Available);
