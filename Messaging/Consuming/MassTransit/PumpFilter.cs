using MassTransit;
using MassTransit.RabbitMqTransport;
using Microsoft.Extensions.DependencyInjection;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Consuming.MassTransit;

/// <summary>
/// Passes what MassTransit receives to the <see cref="Pump"/>, which has MassTransit call the consumer for each attempt. The message
/// is acknowledged when this returns; where it throws, it is requeued.
/// </summary>
internal sealed class PumpFilter(Subscription subscription, Pump pump, MessageReader reader, BrokerTopology topology, TimeSpan confirmTimeout)
    : IFilter<ReceiveContext>
{
    public Task Send(ReceiveContext context, IPipe<ReceiveContext> next)
    {
        var message = context.GetPayload<RabbitMqBasicConsumeContext>();
        var delivery = Delivery.Read(message.DeliveryTag, context.Redelivered, message.Properties, context.GetBody(), subscription.Events, reader);
        context.AddOrUpdatePayload(() => delivery, _ => delivery);
        return pump.SettleAsync(new Source(subscription, topology, context, next, confirmTimeout), [delivery], context.CancellationToken);
    }

    public void Probe(ProbeContext context) => context.CreateFilterScope("pump");

    private sealed class Source(
        Subscription subscription, BrokerTopology topology, ReceiveContext context, IPipe<ReceiveContext> next, TimeSpan confirmTimeout) : IPumpSource
    {
        public Subscription Subscription => subscription;

        public bool InboxRowsFirst(Delivery delivery) => topology.ReceivesBothVersions(subscription.Queue.Name, delivery.Event!.GetType());

        public Task ConsumeAsync(IServiceScope scope, IReadOnlyList<Delivery> deliveries, CausationContext causation)
        {
            context.AddOrUpdatePayload(() => scope, _ => scope); // MassTransit resolves the consumer from it
            return causation.RunSingleAsync(deliveries[0], () => next.Send(context));
        }

        public async Task ForwardAsync(FailedMessage failed, Delivery delivery, CancellationToken ct)
        {
            using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(ct);
            giveUp.CancelAfter(confirmTimeout);
            await context.GetPayload<ChannelContext>().BasicPublishAsync(
                failed.Exchange, failed.RoutingKey, mandatory: true, failed.Properties, delivery.Body, awaitAck: true, giveUp.Token)
                .WaitAsync(giveUp.Token);
        }

        public bool IsRefusal(Exception failure) => !context.CancellationToken.IsCancellationRequested;

        public Task RequeueAsync(Delivery delivery, Exception why) => Task.FromException(why);

        public Task AcknowledgeAsync(Delivery last) => Task.CompletedTask;
    }
}
