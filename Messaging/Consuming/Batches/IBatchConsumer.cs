using System.Text.Json;

namespace Shop.Messaging.Consuming.Batches;

/// <summary>
/// Takes events many at a time: all that are waiting, up to a limit, in one transaction with their inbox rows. Where nothing waits,
/// an event comes alone and at once. For events that come in numbers, where the work per event is small against what a transaction
/// costs. Registered with <see cref="MessagingBuilder.AddBatchConsumer{TConsumer, TEvent}"/>; a scope of its own for every attempt.
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
public sealed class ReceivedEvent<TEvent>
    where TEvent : class, IIntegrationEvent
{
    private readonly Func<Func<Task>, Task> _asCause;

    internal ReceivedEvent(TEvent @event, JsonElement body, Func<Func<Task>, Task> asCause) => (Event, Body, _asCause) = (@event, body, asCause);

    /// <summary>The event as this build's contracts know it.</summary>
    public TEvent Event { get; }

    /// <summary>The event as its publisher wrote it, with members that this build does not know.</summary>
    public JsonElement Body { get; }

    /// <summary>
    /// Runs what this event asks for. What aggregates record meanwhile is handled before this returns, and what is published for it
    /// names this event as its cause and goes on in its trace; all of it is saved with the batch. Needed by consumers that publish:
    /// an event without a cause of its own is refused when the batch is saved.
    /// </summary>
    /// <param name="effects">Changes aggregates of the consumer's DbContext.</param>
    public Task CauseAsync(Func<Task> effects)
    {
        ArgumentNullException.ThrowIfNull(effects);
        return _asCause(effects);
    }

    /// <summary>As <see cref="CauseAsync(Func{Task})"/>, for what needs no waiting.</summary>
    /// <param name="effects">Changes aggregates of the consumer's DbContext.</param>
    public Task CauseAsync(Action effects)
    {
        ArgumentNullException.ThrowIfNull(effects);
        return _asCause(() =>
        {
            effects();
            return Task.CompletedTask;
        });
    }
}
