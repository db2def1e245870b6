using System.Collections.Frozen;

namespace Shop.Ordering.Domain;

internal enum OrderStatus
{
    Placed,
    Confirmed,
    Rejected,
    Cancelled,
    Shipped,
}

/// <summary>The triggers of transitions.</summary>
internal enum OrderTrigger
{
    /// <summary>Inventory has reserved the stock.</summary>
    StockReserved,

    /// <summary>Inventory cannot reserve the stock.</summary>
    ReservationFailed,

    /// <summary>Inventory has released the stock, because the order was not shipped in time.</summary>
    ReservationExpired,

    /// <summary>The customer, or staff for the customer, cancels.</summary>
    Cancel,

    /// <summary>Staff ship it.</summary>
    Ship,

    /// <summary>Inventory has not answered before the deadline.</summary>
    AnswerOverdue,
}

/// <summary>The outcome of a trigger in a status.</summary>
internal abstract record Transition
{
    private Transition() { }

    /// <summary>The status changes.</summary>
    public sealed record Becomes(OrderStatus Status) : Transition;

    /// <summary>It is late, or a duplicate: nothing changes, and it is not an error.</summary>
    public sealed record Ignored : Transition;

    /// <summary>The request is rejected: a 409.</summary>
    /// <param name="Code">The last part of the problem's type.</param>
    /// <param name="Allowed">In which statuses it is allowed, as text.</param>
    public sealed record Refused(string Code, string Allowed) : Transition;
}

/// <summary>
/// The transition table: every status times every trigger. The order's methods decide by this table only; docs/flows/ordering.md
/// shows it.
/// </summary>
internal static class OrderTransitions
{
    private static readonly Transition s_ignored = new Transition.Ignored();

    private static readonly Transition s_notCancellable =
        new Transition.Refused("order-not-cancellable", "only a placed or confirmed order can be cancelled");

    private static readonly Transition s_notShippable =
        new Transition.Refused("order-not-shippable", "only a confirmed order can be shipped");

    private static readonly FrozenDictionary<(OrderStatus, OrderTrigger), Transition> s_table =
        new Dictionary<OrderTrigger, IReadOnlyDictionary<OrderStatus, Transition>>
        {
            [OrderTrigger.StockReserved] = Row(
                placed: Becomes(OrderStatus.Confirmed),
                confirmed: s_ignored,
                rejected: s_ignored,
                cancelled: s_ignored,
                shipped: s_ignored),
            [OrderTrigger.ReservationFailed] = Row(
                placed: Becomes(OrderStatus.Rejected),
                confirmed: s_ignored,
                rejected: s_ignored,
                cancelled: s_ignored,
                shipped: s_ignored),
            [OrderTrigger.ReservationExpired] = Row(
                placed: Becomes(OrderStatus.Cancelled), // it overtook StockReserved, which is late from now on
                confirmed: Becomes(OrderStatus.Cancelled),
                rejected: s_ignored,
                cancelled: s_ignored,
                shipped: s_ignored), // Inventory books the shipment of units that it had already released
            [OrderTrigger.Cancel] = Row(
                placed: Becomes(OrderStatus.Cancelled),
                confirmed: Becomes(OrderStatus.Cancelled),
                rejected: s_notCancellable,
                cancelled: s_ignored,
                shipped: s_notCancellable),
            [OrderTrigger.Ship] = Row(
                placed: s_notShippable,
                confirmed: Becomes(OrderStatus.Shipped),
                rejected: s_notShippable,
                cancelled: s_notShippable,
                shipped: s_ignored),
            [OrderTrigger.AnswerOverdue] = Row(
                placed: Becomes(OrderStatus.Cancelled),
                confirmed: s_ignored,
                rejected: s_ignored,
                cancelled: s_ignored,
                shipped: s_ignored),
        }
        .SelectMany(row => row.Value.Select(cell => KeyValuePair.Create((cell.Key, row.Key), cell.Value)))
        .ToFrozenDictionary();

    /// <summary>The outcome of a trigger in a status.</summary>
    public static Transition For(OrderStatus status, OrderTrigger trigger) => s_table[(status, trigger)];

    /// <summary>Whether the status is final.</summary>
    public static bool IsFinal(OrderStatus status) =>
        !Enum.GetValues<OrderTrigger>().Any(trigger => For(status, trigger) is Transition.Becomes);

    private static Transition.Becomes Becomes(OrderStatus status) => new(status);

    /// <summary>Named parameters, so that the compiler requires every cell.</summary>
    private static Dictionary<OrderStatus, Transition> Row(
        Transition placed, Transition confirmed, Transition rejected, Transition cancelled, Transition shipped) => new()
        {
            [OrderStatus.Placed] = placed,
            [OrderStatus.Confirmed] = confirmed,
            [OrderStatus.Rejected] = rejected,
            [OrderStatus.Cancelled] = cancelled,
            [OrderStatus.Shipped] = shipped,
        };
}
