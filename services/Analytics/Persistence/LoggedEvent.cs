using System.Text.Json;
using System.Text.Json.Serialization;
using Shop.Contracts;
using Shop.Messaging;

namespace Shop.Analytics.Persistence;

/// <summary>An integration event as it was received. Append-only.</summary>
internal sealed class LoggedEvent
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) },
    };

    private LoggedEvent() { } // EF Core

    public Guid EventId { get; private init; }

    public DateTimeOffset OccurredAt { get; private init; }

    /// <summary>The wire name, which does not depend on the CLR name.</summary>
    public string Type { get; private init; } = "";

    public string AggregateId { get; private init; } = "";

    public int AggregateVersion { get; private init; }

    /// <summary>The event as its publisher wrote it, with members that this build's contracts do not know yet.</summary>
    public JsonElement Body { get; private init; }

    public DateTimeOffset ReceivedAt { get; private init; }

    /// <summary>The number of rebuilds started before it was logged: a rebuild reads events of earlier epochs than its own.</summary>
    public int Epoch { get; private init; }

    /// <summary>The W3C trace id of its publish; null in rows of an older version.</summary>
    public Guid? TraceId { get; private init; }

    /// <summary>The event of a row; null for a type unknown to these contracts, which no projection handles either.</summary>
    public static IIntegrationEvent? Read(string type, JsonElement body) =>
        ShopEvents.Catalog.TypeOf(type) is { } known ? (IIntegrationEvent?)body.Deserialize(known, s_json) : null;
}
