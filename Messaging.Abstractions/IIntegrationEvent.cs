namespace Shop.Messaging;

/// <summary>
/// A fact that one service publishes to others, delivered at least once and processed once. Within a version only optional members are added; consumers
/// ignore what they do not know.
/// </summary>
public interface IIntegrationEvent
{
    /// <summary>UUID version 7, created when the fact was recorded and stable: a redelivery carries the same id.</summary>
    Guid EventId { get; }

    /// <summary>When the fact was recorded, UTC.</summary>
    DateTimeOffset OccurredAt { get; }

    /// <summary>The aggregate that the fact is about: an order's id, a sku, a customer. Events of one aggregate are published in order.</summary>
    string AggregateId { get; }

    /// <summary>The aggregate's version after the fact, from 1: a consumer detects late events by it.</summary>
    int AggregateVersion { get; }
}
