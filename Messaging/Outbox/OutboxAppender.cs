using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Outbox;

/// <summary>
/// Adds events to the unit of work: they are stored by the same SaveChanges as the change that they publish, or not at all.
/// Services with a domain model do not call it: they publish through PublishedEvents. One per scope.
/// </summary>
public sealed class OutboxAppender
{
    /// <summary>The length that W3C Trace Context requires to be propagated; longer values are dropped.</summary>
    private const int MaxTraceState = 512;

    private static readonly JsonEncodedText s_aggregateId = JsonEncodedText.Encode(MessageHeaderNames.AggregateId);
    private static readonly JsonEncodedText s_aggregateVersion = JsonEncodedText.Encode(MessageHeaderNames.AggregateVersion);
    private static readonly JsonEncodedText s_correlationId = JsonEncodedText.Encode(MessageHeaderNames.CorrelationId);
    private static readonly JsonEncodedText s_causationId = JsonEncodedText.Encode(MessageHeaderNames.CausationId);
    private static readonly JsonEncodedText s_traceParent = JsonEncodedText.Encode(MessageHeaderNames.TraceParent);
    private static readonly JsonEncodedText s_traceState = JsonEncodedText.Encode(MessageHeaderNames.TraceState);
    private static readonly JsonEncodedText s_time = JsonEncodedText.Encode(MessageHeaderNames.CloudEventTime);
    private static readonly JsonEncodedText s_appendedAt = JsonEncodedText.Encode(MessageHeaderNames.AppendedAt);
    private static readonly JsonEncodedText s_baggage = JsonEncodedText.Encode(MessageHeaderNames.Baggage);

    private readonly MessageOrigin _origin;
    private readonly EventCatalog _events;
    private readonly List<EntityEntry<OutboxMessage>> _unsaved = [];
    private readonly IReadOnlyCollection<string> _retired;
    private int _appended;

    internal OutboxAppender(MessageOrigin origin, EventCatalog events, IReadOnlyCollection<string> retired) =>
        (_origin, _events, _retired) = (origin, events, retired);

    /// <summary>
    /// Adds one event to the context's changes, followed by the older versions of the same fact that are still consumed: each a
    /// message of its own, all with the same id.
    /// </summary>
    /// <param name="db">The unit of work; its model has the messaging tables.</param>
    /// <param name="event">The event; its <see cref="IIntegrationEvent.EventId"/> must not have been appended before.</param>
    /// <exception cref="ArgumentException">The event is not part of the contracts, or names no aggregate.</exception>
    public void Append(DbContext db, IIntegrationEvent @event)
    {
        ArgumentNullException.ThrowIfNull(db);
        ArgumentNullException.ThrowIfNull(@event);
        ArgumentException.ThrowIfNullOrEmpty(@event.AggregateId);
        for (var version = @event; version is not null; version = _events.Older(version))
        {
            AppendVersion(db, version, isOlder: !ReferenceEquals(version, @event));
        }
    }

    /// <summary>How many of the events appended since the last call are about to be saved: those of a cleared context are not.</summary>
    internal int TakeUnsaved()
    {
        var count = _unsaved.Count(entry => entry.State == EntityState.Added);
        _unsaved.Clear();
        return count;
    }

    private void AppendVersion(DbContext db, IIntegrationEvent @event, bool isOlder)
    {
        var wireName = _events.NameOf(@event.GetType());
        if (isOlder && _retired.Contains(wireName))
        {
            return;
        }

        _unsaved.Add(db.Add(new OutboxMessage
        {
            Position = _appended++,
            EventId = @event.EventId,
            Stream = @event.AggregateId,
            Partition = OutboxMessage.PartitionOf(@event.AggregateId),
            Type = wireName,
            Headers = Headers(@event),
            Body = Envelope.Write(@event, wireName, _origin),
        }));
    }

    private string Headers(IIntegrationEvent @event) => JsonScratch.Write((@event, _origin), static (writer, state) =>
    {
        var (@event, origin) = state;
        writer.WriteStartObject();
        writer.WriteString(s_aggregateId, @event.AggregateId);
        writer.WriteString(s_aggregateVersion, @event.AggregateVersion.ToString(CultureInfo.InvariantCulture));
        writer.WriteString(s_time, @event.OccurredAt.UtcDateTime);
        writer.WriteString(s_correlationId, origin.CorrelationId ?? @event.EventId);
        if (origin.CausationId is { } causation)
        {
            writer.WriteString(s_causationId, causation);
        }

        if (Activity.Current is { Id: { } traceParent } activity)
        {
            writer.WriteString(s_traceParent, traceParent);
            if (activity.TraceStateString is { Length: > 0 and <= MaxTraceState })
            {
                writer.WriteString(s_traceState, activity.TraceStateString);
            }

            if (activity.Recorded)
            {
                writer.WriteString(s_appendedAt, TimeProvider.System.GetUtcNow());
            }

            var baggage = W3CBaggage.Of(activity);
            if (baggage.Length > 0)
            {
                writer.WriteString(s_baggage, baggage);
            }
        }

        writer.WriteEndObject();
    }, static utf8 => Encoding.UTF8.GetString(utf8));
}
