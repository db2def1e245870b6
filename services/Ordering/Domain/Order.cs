using Shop.ServiceDefaults.Domain;

namespace Shop.Ordering.Domain;

internal enum OrderStatus
{
    Placed,
    Confirmed,
    Rejected,
    Cancelled,
    Shipped,
}

/// <summary>
/// A customer's order. Placed becomes Confirmed or Rejected, by Inventory's answer; Placed and Confirmed can be Cancelled;
/// Confirmed can be Shipped. Answers that come too late change nothing.
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

    /// <summary>Why it was rejected or cancelled, as a stable code.</summary>
    public string? Reason { get; private set; }

    public IReadOnlyList<ShortLine> ShortLines => _shortLines;

    /// <summary>Places an order at today's prices, which it keeps.</summary>
    /// <param name="customerId">Who places it.</param>
    /// <param name="lines">What is ordered: 1 to 100 lines, each sku once, all in one currency.</param>
    /// <param name="discount">Percent off for this customer, 0 to 100.</param>
    /// <param name="now">When.</param>
    public static Order Place(string customerId, IReadOnlyList<OrderLine> lines, decimal discount, DateTimeOffset now)
    {
        Check(lines);
        var sum = lines.Sum(line => line.Quantity * line.UnitPrice);
        var off = Math.Round(sum * discount / 100, 2, MidpointRounding.ToEven);
        var order = new Order
        {
            Id = Guid.CreateVersion7(now),
            CustomerId = customerId,
            Status = OrderStatus.Placed,
            Discount = off,
            Total = sum - off,
            Currency = lines[0].Currency,
            PlacedAt = now,
            Version = 1,
        };
        order._lines.AddRange(lines);
        order.Raise(new OrderPlaced(order.Id, order.Version, customerId, order.Discount, order.Total, order.Currency, now));
        foreach (var line in lines)
        {
            order.Raise(new OrderLineAdded(order.Id, line.Sku, line.Quantity, line.UnitPrice, now));
        }

        return order;
    }

    /// <summary>Inventory has set the stock aside. Too late for an order that is no longer waiting.</summary>
    public void Confirm(DateTimeOffset now)
    {
        if (Status != OrderStatus.Placed)
        {
            return;
        }

        Become(OrderStatus.Confirmed);
        var lines = _lines.Select(line => new OrderConfirmed.Line(line.Sku, line.Quantity, line.UnitPrice)).ToList();
        Raise(new OrderConfirmed(Id, Version, CustomerId, lines, Total, Currency, now));
    }

    /// <summary>Inventory cannot serve it. Too late for an order that is no longer waiting.</summary>
    public void Reject(IReadOnlyList<ShortLine> shortLines, DateTimeOffset now)
    {
        if (Status != OrderStatus.Placed)
        {
            return;
        }

        Become(OrderStatus.Rejected);
        Reason = "out-of-stock";
        _shortLines = [.. shortLines];
        Raise(new OrderRejected(Id, Version, CustomerId, Reason, shortLines, now));
    }

    /// <summary>The customer does not want it any more. Cancelling twice is cancelling once.</summary>
    /// <exception cref="DomainException">It is shipped or rejected.</exception>
    public void Cancel(string reason, DateTimeOffset now)
    {
        if (Status == OrderStatus.Cancelled)
        {
            return;
        }

        if (Status is not (OrderStatus.Placed or OrderStatus.Confirmed))
        {
            throw new DomainException("order-not-cancellable",
                $"The order is {Name(Status)}; only a placed or confirmed order can be cancelled.", conflict: true);
        }

        var wasConfirmed = Status == OrderStatus.Confirmed;
        Become(OrderStatus.Cancelled);
        Reason = reason;
        Raise(new OrderCancelled(Id, Version, CustomerId, reason, wasConfirmed, Total, Currency, now));
    }

    /// <summary>It leaves the warehouse. Shipping twice is shipping once.</summary>
    /// <exception cref="DomainException">It is not confirmed.</exception>
    public void Ship(DateTimeOffset now)
    {
        if (Status == OrderStatus.Shipped)
        {
            return;
        }

        if (Status != OrderStatus.Confirmed)
        {
            throw new DomainException("order-not-shippable",
                $"The order is {Name(Status)}; only a confirmed order can be shipped.", conflict: true);
        }

        Become(OrderStatus.Shipped);
        Raise(new OrderShipped(Id, Version, CustomerId, now));
    }

    private static void Check(IReadOnlyList<OrderLine> lines)
    {
        if (lines.Count is 0 or > MaxLines)
        {
            throw new DomainException("order-size", $"An order needs 1 to {MaxLines} lines; this one has {lines.Count}.");
        }

        if (lines.FirstOrDefault(line => line.Quantity is < 1 or > MaxQuantity) is { } odd)
        {
            throw new DomainException("order-quantity", $"A quantity is 1 to {MaxQuantity}; {odd.Quantity} of {odd.Sku} is not.");
        }

        if (lines.GroupBy(line => line.Sku).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw new DomainException("duplicate-sku", $"{twice.Key} is on more than one line; put its units on one.");
        }

        if (lines.Any(line => line.Currency != lines[0].Currency))
        {
            throw new DomainException("mixed-currencies", "All products of an order must be sold in one currency; order the others separately.");
        }
    }

    private void Become(OrderStatus status)
    {
        Status = status;
        Version++;
    }

    private static string Name(OrderStatus status) => status.ToString().ToLowerInvariant();
}

/// <summary>One product of an order, at the name and price of the moment of placing.</summary>
internal sealed record OrderLine(string Sku, string Name, int Quantity, decimal UnitPrice, string Currency);

/// <summary>A line that could not be served.</summary>
internal sealed record ShortLine(string Sku, int Asked, int Available);
