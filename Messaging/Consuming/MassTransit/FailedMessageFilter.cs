using MassTransit;
using MassTransit.RabbitMqTransport;
using Shop.Messaging.Telemetry;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Consuming.MassTransit;

/// <summary>
/// Carries out the <see cref="FailurePolicy"/> for the bus: for what failed, and for what came to no consumer. The message is
/// acknowledged when this returns; where it throws, it is requeued.
/// </summary>
internal sealed class FailedMessageFilter(
    FailurePolicy policy, MessagingSpans spans, string queue, TimeSpan confirmTimeout, TimeProvider clock)
    : IFilter<ExceptionReceiveContext>, IFilter<ReceiveContext>
{
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1);

    public async Task Send(ExceptionReceiveContext context, IPipe<ExceptionReceiveContext> next)
    {
        await PublishAsync(context, context.Exception, context.ExceptionInfo?.Source);
        await context.NotifyFaulted(context.Exception);
    }

    public Task Send(ReceiveContext context, IPipe<ReceiveContext> next) =>
        PublishAsync(context, new MalformedMessageException("No consumer of this queue subscribes to this event."), null);

    public void Probe(ProbeContext context) => context.CreateFilterScope("failed-message");

    private async Task PublishAsync(ReceiveContext context, Exception failure, string? consumer)
    {
        var channel = context.GetPayload<ChannelContext>();
        var original = context.GetPayload<RabbitMqBasicConsumeContext>().Properties;
        var failed = policy.Decide(queue, original, failure, consumer);
        using var span = context.TryGetPayload(out FailedSpan? processed) ? processed.Take() : spans.ProcessUnread(original, queue, failure);
        try
        {
            using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
            giveUp.CancelAfter(confirmTimeout);
            await channel.BasicPublishAsync(
                failed.Exchange, failed.RoutingKey, mandatory: true, failed.Properties, context.GetBody(), awaitAck: true, giveUp.Token)
                .WaitAsync(giveUp.Token);
        }
        catch
        {
            // It is requeued, and comes again at once: not as fast as the broker can deliver it.
            await Task.Delay(s_pause, clock, context.CancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }

        policy.Report(queue, failed, failure, span);
    }
}
