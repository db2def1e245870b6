namespace Shop.Messaging;

/// <summary>
/// A fact that one service tells the others, once in effect. Within a version only optional members are added; consumers
/// ignore what they do not know.
/// </summary>
public interface IIntegrationEvent
{
    /// <summary>UUID version 7, made when the fact was recorded and stable for ever: a repeat carries the same id.</summary>
    Guid EventId { get; }

    /// <summary>When the fact was recorded, UTC.</summary>
    DateTimeOffset OccurredAt { get; }

    /// <summary>What the fact is about: an order's id, a sku, a customer. Events with the same one are sent in order.</summary>
    string AggregateId { get; }

    /// <summary>The aggregate's version after the fact, from 1: a consumer tells late from new by it.</summary>
    int AggregateVersion { get; }
}
