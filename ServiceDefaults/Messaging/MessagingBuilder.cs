using MassTransit;
using Shop.ServiceDefaults.Messaging.Broker;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>Says which events a service consumes.</summary>
public sealed class MessagingBuilder
{
    private readonly IBusRegistrationConfigurator _bus;
    private readonly BrokerTopology _topology;

    internal MessagingBuilder(IBusRegistrationConfigurator bus, BrokerTopology topology) => (_bus, _topology) = (bus, topology);

    /// <summary>
    /// Adds a consumer with a queue of its own, named after the service and the consumer, bound to the events of its
    /// <see cref="IConsumer{T}"/> interfaces; <c>IConsumer&lt;IIntegrationEvent&gt;</c> takes every event there is.
    /// </summary>
    /// <typeparam name="TConsumer">The consumer. It saves at the end or lets the inbox save; both are one transaction.</typeparam>
    public MessagingBuilder AddConsumer<TConsumer>()
        where TConsumer : class, IConsumer
    {
        var queue = _topology.Add(typeof(TConsumer));
        _bus.AddConsumer<TConsumer>().Endpoint(endpoint => endpoint.Name = queue.Name);
        return this;
    }
}
