using System.Diagnostics;
using System.Globalization;
using System.Runtime.Serialization;
using MassTransit;
using MassTransit.RabbitMqTransport;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client;

namespace Shop.ServiceDefaults.Messaging.Broker;

/// <summary>
/// What a consumer could not handle at once waits in the broker and comes again, each time after a longer delay; after the
/// last one it goes on to the dead letters. It is acknowledged only when the broker has confirmed the waiting copy, and keeps
/// its id, so that the inbox knows it. A message that cannot be read does not get better by waiting and goes on at once.
/// </summary>
internal sealed partial class DelayedRetryFilter(BrokerTopology topology, string queue, ILogger<DelayedRetryFilter> logger)
    : IFilter<ExceptionReceiveContext>
{
    public async Task Send(ExceptionReceiveContext context, IPipe<ExceptionReceiveContext> next)
    {
        if (context.TryGetPayload(out RabbitMqBasicConsumeContext? delivery)
            && context.TryGetPayload(out ChannelContext? channel)
            && IsWorthWaiting(context.Exception))
        {
            var retries = RetriesOf(delivery.Properties);
            if (retries < topology.RetryDelays.Count)
            {
                var delay = topology.RetryDelays[retries];
                await RetryLaterAsync(context, channel, delivery.Properties, retries + 1, delay);
                await context.NotifyFaulted(context.Exception);
                return;
            }
        }

        await next.Send(context);
    }

    public void Probe(ProbeContext context) => context.CreateFilterScope("delayed-retry");

    private static bool IsWorthWaiting(Exception? exception)
    {
        for (; exception is not null; exception = exception.InnerException)
        {
            if (exception is SerializationException)
            {
                return false;
            }
        }

        return true;
    }

    private static int RetriesOf(IReadOnlyBasicProperties properties) =>
        properties.Headers?.TryGetValue(MessageHeaderNames.Retries, out var value) == true
            ? Convert.ToInt32(value, CultureInfo.InvariantCulture)
            : 0;

    private async Task RetryLaterAsync(
        ExceptionReceiveContext context, ChannelContext channel, IReadOnlyBasicProperties original, int retry, TimeSpan delay)
    {
        var properties = new BasicProperties(original)
        {
            Expiration = delay.TotalMilliseconds.ToString("0", CultureInfo.InvariantCulture),
            Headers = new Dictionary<string, object?>(original.Headers ?? new Dictionary<string, object?>())
            {
                [MessageHeaderNames.Retries] = retry,
            },
        };
        await channel.BasicPublishAsync(
            topology.RetryExchange(retry), queue, mandatory: true, properties, context.GetBody(), awaitAck: true, context.CancellationToken);
        MessagingTelemetry.RetriedLater.Add(1, new KeyValuePair<string, object?>("consumer", queue));
        Activity.Current?.SetTag("shop.retry_in_seconds", delay.TotalSeconds);
        LogRetryLater(queue, original.MessageId, retry, topology.RetryDelays.Count, delay, context.Exception?.Message);
    }

    [LoggerMessage(LogLevel.Warning,
        "{Queue} could not handle message {MessageId}; retry {Retry} of {Retries} follows in {Delay}: {Reason}")]
    private partial void LogRetryLater(string queue, string? messageId, int retry, int retries, TimeSpan delay, string? reason);
}
