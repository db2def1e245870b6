using Shop.Contracts.Ordering.V1;
using Shop.Messaging;
using Shop.Messaging.DomainEvents;
using Shop.ServiceDefaults.Domain;
using OrderPlacedV2 = Shop.Contracts.Ordering.V2.OrderPlaced;

namespace Shop.Analytics.Features.EventLog;

/// <summary>
/// The figures add amounts up, and a sum that no decimal holds would take a report away for good. So what is added is bounded, far above
/// any order and far below that: a million million orders of the largest amount still have a sum.
/// </summary>
internal static class Amounts
{
    private const decimal Largest = 1_000_000_000_000_000;

    /// <summary>Refuses an event with an amount that is none.</summary>
    /// <exception cref="DomainException">An amount is negative, too large, or has more decimals than any currency.</exception>
    public static void Check(IIntegrationEvent @event)
    {
        if (Of(@event).FirstOrDefault(amount => !IsAmount(amount), 0) is not 0 and var odd)
        {
            throw new DomainException("malformed-amount",
                $"An amount is 0 to {Largest:N0} with at most {Iso4217.MaxDecimals} decimals; {odd} of {@event.AggregateId} is none.");
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
