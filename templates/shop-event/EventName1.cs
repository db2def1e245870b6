using Shop.Messaging;

namespace ServiceName.Contracts.V1;

/// <summary>What happened, in a sentence in the present perfect.</summary>
/// <param name="EventId">UUID version 7; duplicates carry the same id.</param>
/// <param name="OccurredAt">When it happened, UTC.</param>
/// <param name="AggregateId">What it is about. Events of one aggregate are published in order.</param>
/// <param name="AggregateVersion">The aggregate's version after it, from 1.</param>
[EventName("service-name.event-name.v1")]
public sealed record EventName1(Guid EventId, DateTimeOffset OccurredAt, [NotEmpty] string AggregateId, [AtLeast(1)] int AggregateVersion)
    : IIntegrationEvent;
