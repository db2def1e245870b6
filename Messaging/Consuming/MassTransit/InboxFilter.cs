using System.Diagnostics;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Shop.Messaging.Inbox;
using Shop.Messaging.Outbox;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Telemetry;
using Shop.Messaging.UnitOfWork;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Consuming.MassTransit;

/// <summary>
/// Makes a consumer act once per event: inbox row, the consumer's effects and the events that they cause are one
/// transaction, and the message is acknowledged only after its commit. A repeat is acknowledged and does nothing.
/// </summary>
/// <typeparam name="T">The event.</typeparam>
internal sealed class InboxFilter<T>(
    DbContext db, CommitProtocol unitOfWork, MessageOrigin origin, BrokerTopology topology, MessagingSpans spans, TimeProvider clock)
    : IFilter<ConsumeContext<T>>
    where T : class
{
    public async Task Send(ConsumeContext<T> context, IPipe<ConsumeContext<T>> next)
    {
        var eventId = context.MessageId
            ?? throw new MalformedMessageException("The message has no id, so a repeat could not be told from a new one.");
        var consumer = context.ReceiveContext.InputAddress.AbsolutePath.Split('/')[^1];
        var correlationId = context.CorrelationId ?? context.ConversationId ?? eventId;
        (origin.CorrelationId, origin.CausationId) = (correlationId, eventId);

        Activity.Current = null;
        var span = spans.Process(new ReceivedMessage(
            topology.Events.NameOf(context.Message.GetType()), eventId, correlationId, Header(context, MessageHeaderNames.TraceParent),
            Header(context, MessageHeaderNames.TraceState), Header(context, MessageHeaderNames.Baggage)), consumer);
        var start = clock.GetTimestamp();
        try
        {
            await ProcessAsync(context, next, eventId, consumer, span);
            MessagingTelemetry.ProcessDuration.Record(clock.GetElapsedTime(start).TotalSeconds, MessagingTelemetry.ProcessedFrom(consumer));
            span.Dispose();
        }
        catch (Exception e)
        {
            MessagingSpans.Fail(span, e);
            context.ReceiveContext.GetOrAddPayload(() => new FailedSpan()).Keep(span);
            MessagingTelemetry.ProcessDuration.Record(clock.GetElapsedTime(start).TotalSeconds, MessagingTelemetry.ProcessedFrom(consumer, e));
            throw;
        }
    }

    public void Probe(ProbeContext context) => context.CreateFilterScope("inbox");

    private static string? Header(ConsumeContext<T> context, string name) =>
        context.ReceiveContext.TransportHeaders.TryGetHeader(name, out var value) ? value as string : null;

    private async Task ProcessAsync(ConsumeContext<T> context, IPipe<ConsumeContext<T>> next, Guid eventId, string consumer, Activity span)
    {
        await using var work = new InboxUnitOfWork(db, unitOfWork, clock, expectsRepeats: topology.IsToldInTwoVersions(consumer, typeof(T)));
        if (await InboxProtocol.IsFirstAsync(work, eventId, consumer, () => next.Send(context), context.CancellationToken))
        {
            MessagingTelemetry.Consumed.Add(1, new KeyValuePair<string, object?>("consumer", consumer));
        }
        else
        {
            // Where the consumer itself ran into its repeat, the bus saw only its exception, and would set the message aside as one
            // that nobody consumed.
            await context.NotifyConsumed(TimeSpan.Zero, consumer);
            span.SetTag(MessagingSpans.Duplicate, true);
            MessagingTelemetry.Deduplicated.Add(1, new KeyValuePair<string, object?>("consumer", consumer));
        }
    }
}
