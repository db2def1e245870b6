using System.Diagnostics;
using System.Text.Json;

namespace Shop.Messaging.Consuming.Batches;

/// <summary>
/// Consumes events one after the other and saves them together: all that are waiting, up to a limit, are one transaction with their
/// inbox rows. A single waiting event is processed immediately, alone. For high-volume events, where the work per event is
/// small against the cost of a transaction. Registered with <see cref="MessagingBuilder.AddBatchConsumer{TConsumer, TEvent}"/>.
/// <para>
/// Where a method throws, the transaction is rolled back, and the batch is split in two until the failing event is alone, which then is
/// retried and dead-lettered as with any consumer. So both may depend on nothing but their events and the database. Each attempt has its
/// own scope: what <see cref="PrepareAsync"/> reads can be kept in fields.
/// </para>
/// </summary>
/// <typeparam name="TEvent">One event of the contracts, or <see cref="IIntegrationEvent"/> for all of them.</typeparam>
public interface IBatchConsumer<TEvent>
    where TEvent : class, IIntegrationEvent
{
    /// <summary>
    /// Work for all events in one statement instead of one for each: reading what they need, or locking it in an order that all
    /// consumers keep. It must not publish. Does nothing by default.
    /// </summary>
    /// <param name="events">At least one; no duplicates; in the order in which they arrived.</param>
    /// <param name="ct">Cancels.</param>
    Task PrepareAsync(IReadOnlyList<TEvent> events, CancellationToken ct) => Task.CompletedTask;

    /// <summary>
    /// Handles one event, in its trace: events that it publishes carry its id as their causation id. It leaves saving to the inbox, which saves and
    /// commits once for the batch.
    /// </summary>
    /// <param name="event">Each of the batch, in the order in which they arrived.</param>
    /// <param name="ct">Cancels.</param>
    Task ConsumeAsync(TEvent @event, CancellationToken ct);
}

/// <summary>
/// Consumes many events together, for work that is one statement for all of them, such as a bulk insert. It must not publish, because
/// the causation id would be unknown. Everything else is as for <see cref="IBatchConsumer{TEvent}"/>. Registered with
/// <see cref="MessagingBuilder.AddBulkConsumer{TConsumer, TEvent}"/>.
/// </summary>
/// <typeparam name="TEvent">One event of the contracts, or <see cref="IIntegrationEvent"/> for all of them.</typeparam>
public interface IBulkConsumer<TEvent>
    where TEvent : class, IIntegrationEvent
{
    /// <summary>Handles the events, in the transaction of the service's DbContext that is open already.</summary>
    /// <param name="events">At least one; no duplicates; in the order in which they arrived.</param>
    /// <param name="ct">Cancels.</param>
    Task ConsumeAsync(IReadOnlyList<ReceivedEvent<TEvent>> events, CancellationToken ct);
}

/// <summary>An event as it was received.</summary>
/// <param name="Event">The event as this build's contracts know it.</param>
/// <param name="Body">The event as its publisher wrote it, with members that this build does not know.</param>
public sealed record ReceivedEvent<TEvent>(TEvent Event, JsonElement Body)
    where TEvent : class, IIntegrationEvent
{
    /// <summary>The W3C trace id of its publish; null where the message has none.</summary>
    public ActivityTraceId? TraceId { get; init; }
}
