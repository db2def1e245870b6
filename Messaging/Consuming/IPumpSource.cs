using Microsoft.Extensions.DependencyInjection;

namespace Shop.Messaging.Consuming;

/// <summary>
/// Where the <see cref="Pump"/>'s deliveries come from: MassTransit for consumers of single events, <c>BatchSession</c> for batches.
/// </summary>
internal interface IPumpSource
{
    Subscription Subscription { get; }

    /// <summary>Whether inbox rows are inserted before the consumer runs, for a single delivery too.</summary>
    bool InboxRowsFirst(Delivery delivery);

    /// <summary>Calls the consumer with the events that are not duplicates, in the attempt's scope and transaction.</summary>
    Task ConsumeAsync(IServiceScope scope, IReadOnlyList<Delivery> deliveries, CausationContext causation);

    /// <summary>Publishes the copy that replaces a message, and returns after the broker's confirm.</summary>
    Task ForwardAsync(FailedMessage failed, Delivery delivery, CancellationToken ct);

    /// <summary>Whether <see cref="ForwardAsync"/> failed for this copy only, and the source goes on.</summary>
    bool IsRefusal(Exception failure);

    /// <summary>Has the broker redeliver a message.</summary>
    Task RequeueAsync(Delivery delivery, Exception why);

    /// <summary>Acknowledges everything up to and including a delivery. Called in the order of arrival only.</summary>
    Task AcknowledgeAsync(Delivery last);
}
