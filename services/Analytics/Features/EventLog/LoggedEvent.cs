using System.Text.Json;
using Shop.Contracts;

namespace Shop.Analytics.Features.EventLog;

/// <summary>An integration event as it came in. Rows are only ever added.</summary>
internal sealed class LoggedEvent
{
    private LoggedEvent() { } // EF Core

    public Guid EventId { get; private init; }

    public DateTimeOffset OccurredAt { get; private init; }

    /// <summary>The wire name: it stays readable when the record's CLR name changes.</summary>
    public string Type { get; private init; } = "";

    public string AggregateId { get; private init; } = "";

    public int AggregateVersion { get; private init; }

    /// <summary>The event as its publisher wrote it, with members that this build's contracts do not know yet.</summary>
    public JsonElement Body { get; private init; }

    public DateTimeOffset ReceivedAt { get; private init; }

    public static LoggedEvent Of(IIntegrationEvent @event, JsonElement body, DateTimeOffset now) => new()
    {
        EventId = @event.EventId,
        OccurredAt = @event.OccurredAt.ToUniversalTime(),
        Type = EventCatalog.NameOf(@event.GetType()),
        AggregateId = @event.AggregateId,
        AggregateVersion = @event.AggregateVersion,
        Body = body,
        ReceivedAt = now,
    };
}
