using Shop.Contracts.Ordering.V1;
using Shop.Messaging;
using Shop.Messaging.DomainEvents;
using Shop.ServiceDefaults.Domain;
using OrderPlacedV2 = Shop.Contracts.Ordering.V2.OrderPlaced;

namespace Shop.Analytics.Features.EventLog;

/// <summary>
/// Bounds the amounts that projections add up: a sum beyond decimal's range would break a report permanently. The bound is far above
/// any order and far below the range: 10^12 orders of the largest amount can still be summed.
/// </summary>
internal static class Amounts
{
    private const decimal Largest = 1_000_000_000_000_000;

    /// <summary>Rejects an event with an invalid amount.</summary>
    /// <exception cref="DomainException">An amount is negative, too large, or has more decimals than any currency.</exception>
    public static void Check(IIntegrationEvent @event)
    {
        if (Of(@event).FirstOrDefault(amount => !IsAmount(amount), 0) is not 0 and var odd)
        {
            throw new DomainException("malformed-amount",
                $"An amount must be 0 to {Largest:N0} with at most {Iso4217.MaxDecimals} decimals; {@event.AggregateId} has {odd}.");
        }
    }

    private static IEnumerable<decimal> Of(IIntegrationEvent @event) => @event switch
    {
        OrderPlacedV2 e => [e.Total.Amount],
        OrderConfirmed e => [e.Total, .. e.Lines.SelectMany(line => (decimal[])[line.UnitPrice, Times(line.UnitPrice, line.Quantity)])],
        OrderCancelled e => [e.Total],
        _ => [],
    };

    private static decimal Times(decimal price, int quantity) => price > Largest ? price : price * quantity;

    private static bool IsAmount(decimal amount) => amount is >= 0 and <= Largest && decimal.Round(amount, Iso4217.MaxDecimals) == amount;
}
