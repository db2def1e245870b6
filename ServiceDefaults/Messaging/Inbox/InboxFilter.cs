using System.Diagnostics;
using System.Runtime.Serialization;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Messaging.Broker;
using Shop.ServiceDefaults.Messaging.Wire;

namespace Shop.ServiceDefaults.Messaging.Inbox;

/// <summary>
/// Makes a consumer act once per event: inbox row, the consumer's effects and the events that they cause are one
/// transaction, and the message is acknowledged only after its commit. A repeat is acknowledged and does nothing.
/// </summary>
/// <typeparam name="T">The event.</typeparam>
internal sealed class InboxFilter<T>(DbContext db, UnitOfWork unitOfWork, MessageOrigin origin, BrokerTopology topology, TimeProvider clock)
    : IFilter<ConsumeContext<T>>
    where T : class
{
    public async Task Send(ConsumeContext<T> context, IPipe<ConsumeContext<T>> next)
    {
        var eventId = context.MessageId
            ?? throw new SerializationException("The message has no id, so a repeat could not be told from a new one.");
        var consumer = context.ReceiveContext.InputAddress.AbsolutePath.Split('/')[^1];
        origin.CorrelationId = context.CorrelationId ?? context.ConversationId ?? eventId;
        origin.CausationId = eventId;
        RestoreBaggage(context);

        if (await IsFirstAsync(context, next, eventId, consumer))
        {
            MessagingTelemetry.Consumed.Add(1, new KeyValuePair<string, object?>("consumer", consumer));
        }
        else
        {
            // Where the consumer itself ran into its repeat, the bus saw only its exception, and would set the message aside as one
            // that nobody consumed.
            await context.NotifyConsumed(TimeSpan.Zero, consumer);
            MessagingTelemetry.Deduplicated.Add(1, new KeyValuePair<string, object?>("consumer", consumer));
        }
    }

    public void Probe(ProbeContext context) => context.CreateFilterScope("inbox");

    /// <summary>The bus continues the trace by itself, but not its baggage.</summary>
    private static void RestoreBaggage(ConsumeContext<T> context) => W3CBaggage.Restore(Activity.Current,
        context.ReceiveContext.TransportHeaders.TryGetHeader(MessageHeaderNames.Baggage, out var value) ? value as string : null);

    private async Task<bool> IsFirstAsync(ConsumeContext<T> context, IPipe<ConsumeContext<T>> next, Guid eventId, string consumer)
    {
        await using var work = new InboxUnitOfWork(db, unitOfWork, clock, expectsRepeats: topology.IsToldInTwoVersions(consumer, typeof(T)));
        return await Inbox.IsFirstAsync(work, eventId, consumer, () => next.Send(context), context.CancellationToken);
    }
}
