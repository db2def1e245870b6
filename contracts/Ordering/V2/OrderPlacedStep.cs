using Shop.Messaging;

namespace Shop.Contracts.Ordering.V2;

/// <summary>Converts between versions 1 and 2 of OrderPlaced: version 1 has one currency for all amounts, and no channel.</summary>
public sealed class OrderPlacedStep : IVersionStep<V1.OrderPlaced, OrderPlaced>
{
    private OrderPlacedStep() { }

    /// <inheritdoc />
    public static OrderPlaced Up(V1.OrderPlaced old)
    {
        ArgumentNullException.ThrowIfNull(old);
        return new OrderPlaced(old.EventId, old.OccurredAt, old.OrderId, old.OrderVersion, old.CustomerId,
            [.. old.Lines.Select(line => new OrderPlaced.Line(line.Sku, line.Quantity, new Money(line.UnitPrice, old.Currency)))],
            new Money(old.Discount, old.Currency), new Money(old.Total, old.Currency));
    }

    /// <inheritdoc />
    public static V1.OrderPlaced Down(OrderPlaced current)
    {
        ArgumentNullException.ThrowIfNull(current);
        return new V1.OrderPlaced(current.EventId, current.OccurredAt, current.OrderId, current.OrderVersion, current.CustomerId,
            [.. current.Lines.Select(line => new V1.OrderPlaced.Line(line.Sku, line.Quantity, line.UnitPrice.Amount))],
            current.Discount.Amount, current.Total.Amount, current.Total.Currency);
    }
}
