using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Shop.Messaging.Consuming.Batches;
using Shop.Messaging.RabbitMq;

namespace Shop.Messaging;

/// <summary>Says which events a service consumes.</summary>
public sealed class MessagingBuilder
{
    private readonly IBusRegistrationConfigurator _bus;
    private readonly BrokerTopology _topology;

    internal MessagingBuilder(IBusRegistrationConfigurator bus, BrokerTopology topology, MessagingSettings settings) =>
        (_bus, _topology, Settings) = (bus, topology, settings);

    internal IServiceCollection Services => _bus;

    internal MessagingSettings Settings { get; }

    /// <summary>
    /// Adds a consumer with a queue of its own, named after the service and the consumer, bound to the events of its
    /// <see cref="IConsumer{T}"/> interfaces; <c>IConsumer&lt;IIntegrationEvent&gt;</c> takes every event there is.
    /// </summary>
    /// <typeparam name="TConsumer">
    /// The consumer. It saves at the end or lets the inbox save; both are one transaction, which ends where a save fails: there is no
    /// savepoint before it.
    /// </typeparam>
    public MessagingBuilder AddConsumer<TConsumer>()
        where TConsumer : class, IConsumer
    {
        var queue = _topology.Add(typeof(TConsumer));
        _bus.AddConsumer<TConsumer>().Endpoint(endpoint => endpoint.Name = queue.Name);
        return this;
    }

    /// <summary>
    /// Has the service declare its exchanges, queues and bindings at every start, in place of definitions that somebody loads: for development
    /// and small installations. The service's user then needs the permission to configure. What AMQP cannot declare is left out: users,
    /// and the policy by which RabbitMQ 4 keeps dead letters however often they are looked at (its limit is 20 deliveries).
    /// </summary>
    public MessagingBuilder DeclareTopology()
    {
        _topology.WillBeDeclared();
        _bus.AddSingleton<TopologyDeclaration>();
        _bus.AddHostedService(services => services.GetRequiredService<TopologyDeclaration>());
        _bus.AddHealthChecks().Add(new HealthCheckRegistration("topology declaration",
            services => services.GetRequiredService<TopologyDeclaration>(), HealthStatus.Unhealthy, [MessagingSettings.ReadyTag]));
        return this;
    }

    /// <summary>
    /// Adds a consumer that takes its events many at a time, with a queue of its own as <see cref="AddConsumer{TConsumer}"/>. For
    /// where the transaction costs more than what is done in it. Events of one aggregate stay in their order.
    /// </summary>
    /// <typeparam name="TConsumer">The consumer.</typeparam>
    /// <typeparam name="TEvent">What it takes: one event, or <see cref="IIntegrationEvent"/> for every event there is.</typeparam>
    public MessagingBuilder AddBatchConsumer<TConsumer, TEvent>()
        where TConsumer : class, IBatchConsumer<TEvent>
        where TEvent : class, IIntegrationEvent
    {
        var queue = _topology.Add(typeof(TConsumer));
        _bus.AddScoped<TConsumer>();
        _bus.AddSingleton(services => ActivatorUtilities.CreateInstance<BatchReceiver<TConsumer, TEvent>>(services, queue));
        _bus.AddHostedService(services => services.GetRequiredService<BatchReceiver<TConsumer, TEvent>>());
        _bus.AddHealthChecks().Add(new HealthCheckRegistration(queue.Name,
            services => services.GetRequiredService<BatchReceiver<TConsumer, TEvent>>(), HealthStatus.Degraded, [MessagingSettings.ReadyTag]));
        return this;
    }
}
