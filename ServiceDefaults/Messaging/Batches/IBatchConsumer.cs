using System.Text.Json;
using Shop.Contracts;

namespace Shop.ServiceDefaults.Messaging.Batches;

/// <summary>
/// Takes events many at a time: all that are waiting, up to a limit, in one transaction with their inbox rows. For projections and
/// logs, where the work per event is small against what a transaction costs. Registered with
/// <see cref="MessagingBuilder.AddBatchConsumer{TConsumer, TEvent}"/>; a scope of its own for every attempt.
/// </summary>
/// <typeparam name="TEvent">One event of the contracts, or <see cref="IIntegrationEvent"/> for all of them.</typeparam>
public interface IBatchConsumer<TEvent>
    where TEvent : class, IIntegrationEvent
{
    /// <summary>
    /// Does what the events ask for, in the transaction of the service's DbContext that is open already. It may save or leave that
    /// to the inbox. Where it throws, the batch is cut in two until the event that it fails on is alone, which then goes the way of
    /// any message that fails: so it must depend on nothing but its events and its database.
    /// </summary>
    /// <param name="events">At least one; no repeats; in the order in which they arrived.</param>
    /// <param name="ct">Cancels.</param>
    Task ConsumeAsync(IReadOnlyList<ReceivedEvent<TEvent>> events, CancellationToken ct);
}

/// <summary>An event as it came in.</summary>
/// <param name="Event">The event as this build's contracts know it.</param>
/// <param name="Body">The event as its publisher wrote it, with members that this build does not know.</param>
public sealed record ReceivedEvent<TEvent>(TEvent Event, JsonElement Body)
    where TEvent : class, IIntegrationEvent;
