using Microsoft.Extensions.DependencyInjection;

namespace Shop.Messaging.Consuming;

/// <summary>
/// What the <see cref="Pump"/> asks of whoever receives: MassTransit for consumers of single events, a session of our own for batches.
/// </summary>
internal interface IPumpSource
{
    Subscription Subscription { get; }

    /// <summary>Whether inbox rows are written before the consumer runs, also for a delivery alone.</summary>
    bool InboxRowsFirst(Delivery delivery);

    /// <summary>Calls the consumer with events that are no duplicates, in a scope and a transaction of the attempt.</summary>
    Task ConsumeAsync(IServiceScope scope, IReadOnlyList<Delivery> deliveries, Causes causes);

    /// <summary>Publishes the copy that takes a message's place, and returns when the broker has it.</summary>
    Task ForwardAsync(FailedMessage failed, Delivery delivery, CancellationToken ct);

    /// <summary>Whether <see cref="ForwardAsync"/> failed for this copy alone, and the source goes on.</summary>
    bool IsRefusal(Exception failure);

    /// <summary>Has the broker deliver a message again.</summary>
    Task RequeueAsync(Delivery delivery, Exception why);

    /// <summary>Acknowledges everything up to and including a delivery. Called in the order of arrival only.</summary>
    Task AcknowledgeAsync(Delivery last);
}
