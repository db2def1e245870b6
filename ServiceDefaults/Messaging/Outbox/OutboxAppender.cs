using System.Diagnostics;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Shop.Contracts;
using Shop.ServiceDefaults.Messaging.Wire;

namespace Shop.ServiceDefaults.Messaging.Outbox;

/// <summary>
/// Adds events to the unit of work: they are stored by the same SaveChanges as the change they tell of, or not at all.
/// Services with a domain model do not call it: their PublishedEvents does. One per scope.
/// </summary>
public sealed class OutboxAppender
{
    private readonly MessageOrigin _origin;
    private int _appended;

    internal OutboxAppender(MessageOrigin origin) => _origin = origin;

    /// <summary>Adds one event to the context's changes.</summary>
    /// <param name="db">The unit of work; its model has the messaging tables.</param>
    /// <param name="event">The event; its <see cref="IIntegrationEvent.EventId"/> must not have been appended before.</param>
    /// <exception cref="ArgumentException">The event is not part of the contracts, or names no aggregate.</exception>
    public void Append(DbContext db, IIntegrationEvent @event)
    {
        ArgumentNullException.ThrowIfNull(db);
        ArgumentNullException.ThrowIfNull(@event);
        ArgumentException.ThrowIfNullOrEmpty(@event.AggregateId);
        var wireName = EventCatalog.NameOf(@event.GetType());
        db.Add(new OutboxMessage
        {
            Position = _appended++,
            EventId = @event.EventId,
            Stream = @event.AggregateId,
            Partition = OutboxMessage.PartitionOf(@event.AggregateId),
            Type = wireName,
            Headers = Headers(@event),
            Body = Envelope.Write(@event, wireName, _origin),
        });
    }

    private string Headers(IIntegrationEvent @event)
    {
        var headers = new Dictionary<string, string>
        {
            [MessageHeaderNames.AggregateId] = @event.AggregateId,
            [MessageHeaderNames.AggregateVersion] = @event.AggregateVersion.ToString(),
            [MessageHeaderNames.CorrelationId] = (_origin.CorrelationId ?? @event.EventId).ToString(),
        };
        if (_origin.CausationId is { } causation)
        {
            headers[MessageHeaderNames.CausationId] = causation.ToString();
        }

        if (Activity.Current is { Id: { } traceParent } activity)
        {
            headers[MessageHeaderNames.TraceParent] = traceParent;
            if (!string.IsNullOrEmpty(activity.TraceStateString))
            {
                headers[MessageHeaderNames.TraceState] = activity.TraceStateString;
            }

            // W3C Baggage (https://www.w3.org/TR/baggage/): percent-encoded members, separated by commas.
            var baggage = string.Join(',', activity.Baggage.Select(member =>
                $"{Uri.EscapeDataString(member.Key)}={Uri.EscapeDataString(member.Value ?? "")}"));
            if (baggage.Length > 0)
            {
                headers[MessageHeaderNames.Baggage] = baggage;
            }
        }

        return JsonSerializer.Serialize(headers);
    }
}
