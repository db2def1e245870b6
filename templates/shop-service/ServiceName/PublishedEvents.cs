using System.Diagnostics;
using Shop.Messaging;
using Shop.Messaging.DomainEvents;

namespace ServiceName;

/// <summary>Everything that this service publishes of its domain events. Called while saving, so that the event commits with the change.</summary>
internal static class PublishedEvents
{
    public static IEnumerable<IIntegrationEvent> From(IReadOnlyList<DomainEvent> events) => events.Select(For).OfType<IIntegrationEvent>();

    private static IIntegrationEvent? For(DomainEvent domainEvent) => domainEvent switch
    {
        // Paid paid => new InvoicePaid(paid.EventId, paid.At, paid.InvoiceId.ToString(), paid.InvoiceVersion),
        // Reminded => null, // and why nobody outside has to know
        _ => throw new UnreachableException($"Decide here whether {domainEvent.GetType().Name} is published."),
    };
}
