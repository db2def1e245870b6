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

/// <summary>What can happen to an order.</summary>
internal enum OrderTrigger
{
    /// <summary>Inventory has set the stock aside.</summary>
    StockReserved,

    /// <summary>Inventory cannot serve the order.</summary>
    ReservationFailed,

    /// <summary>Inventory has put the stock back on the shelf, because the order was not shipped in time.</summary>
    ReservationExpired,

    /// <summary>The customer, or staff for the customer, does not want it any more.</summary>
    Cancel,

    /// <summary>Staff hand it to the carrier.</summary>
    Ship,

    /// <summary>Inventory has not answered within the time set for it.</summary>
    AnswerOverdue,
}

/// <summary>What an order makes of a trigger.</summary>
internal abstract record Transition
{
    private Transition() { }

    /// <summary>The order moves on.</summary>
    public sealed record Becomes(OrderStatus Status) : Transition;

    /// <summary>It comes too late, or asks for what is so already: nothing changes, and that is no error.</summary>
    public sealed record Ignored : Transition;

    /// <summary>Whoever asks is told no: a 409.</summary>
    /// <param name="Code">The last part of the problem's type.</param>
    /// <param name="Allowed">Which orders it is for.</param>
    public sealed record Refused(string Code, string Allowed) : Transition;
}

/// <summary>
/// Every status times every trigger, and what follows. The order's methods decide by this table only; docs/flows/ordering.md
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
                placed: Becomes(OrderStatus.Cancelled), // it overtook the StockReserved before it, which is late from now on
                confirmed: Becomes(OrderStatus.Cancelled),
                rejected: s_ignored,
                cancelled: s_ignored,
                shipped: s_ignored), // Inventory books a shipment of units that it had already put back
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

    /// <summary>What an order in this status makes of a trigger.</summary>
    public static Transition For(OrderStatus status, OrderTrigger trigger) => s_table[(status, trigger)];

    /// <summary>Whether nothing can move an order out of this status any more.</summary>
    public static bool IsFinal(OrderStatus status) =>
        !Enum.GetValues<OrderTrigger>().Any(trigger => For(status, trigger) is Transition.Becomes);

    private static Transition.Becomes Becomes(OrderStatus status) => new(status);

    /// <summary>Named parameters: the compiler asks for every cell.</summary>
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
