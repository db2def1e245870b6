using Shop.Messaging;

namespace Tickets.Contracts.V1;

/// <summary>A customer asked for help. All that other services know of the desk.</summary>
/// <param name="EventId">Duplicates carry the same id.</param>
/// <param name="OccurredAt">When the ticket was opened, UTC.</param>
/// <param name="TicketId">The ticket.</param>
/// <param name="Customer">Who asks.</param>
/// <param name="Subject">What it is about.</param>
[EventName("desk.ticket-opened.v1")]
public sealed record TicketOpened(Guid EventId, DateTimeOffset OccurredAt, Guid TicketId, [NotEmpty] string Customer, [NotEmpty] string Subject)
    : IIntegrationEvent
{
    string IIntegrationEvent.AggregateId => TicketId.ToString();
    int IIntegrationEvent.AggregateVersion => 1;
}
