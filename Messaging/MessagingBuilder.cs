using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Shop.Messaging.Consuming;
using Shop.Messaging.Consuming.Batches;
using Shop.Messaging.RabbitMq;

namespace Shop.Messaging;

/// <summary>Says which events a service consumes.</summary>
public sealed class MessagingBuilder
{
    internal MessagingBuilder(IServiceCollection services, BrokerTopology topology, MessagingSettings settings) =>
        (Services, Topology, Settings) = (services, topology, settings);

    internal IServiceCollection Services { get; }

    internal BrokerTopology Topology { get; }

    internal MessagingSettings Settings { get; }

    /// <summary>
    /// Has the service declare its exchanges, queues and bindings at every start, in place of definitions that somebody loads: for development
    /// and small installations. The service's user then needs the permission to configure. What AMQP cannot declare is left out: users,
    /// and the policy by which RabbitMQ 4 keeps dead letters however often they are looked at (its limit is 20 deliveries).
    /// </summary>
    public MessagingBuilder DeclareTopology()
    {
        Topology.WillBeDeclared();
        Services.AddSingleton<TopologyDeclaration>();
        Services.AddHostedService(services => services.GetRequiredService<TopologyDeclaration>());
        Services.AddHealthChecks().Add(new HealthCheckRegistration("topology declaration",
            services => services.GetRequiredService<TopologyDeclaration>(), HealthStatus.Unhealthy, [MessagingSettings.ReadyTag]));
        return this;
    }

    /// <summary>
    /// Adds a consumer that saves many events together, with a queue of its own, named after the service and the consumer. For where
    /// the transaction costs more than what is done in it. Events of one aggregate stay in their order.
    /// </summary>
    /// <typeparam name="TConsumer">The consumer.</typeparam>
    /// <typeparam name="TEvent">What it takes: one event, or <see cref="IIntegrationEvent"/> for every event there is.</typeparam>
    public MessagingBuilder AddBatchConsumer<TConsumer, TEvent>()
        where TConsumer : class, IBatchConsumer<TEvent>
        where TEvent : class, IIntegrationEvent => AddBatches<TConsumer>(typeof(TEvent), BatchCalls.EachAsync<TConsumer, TEvent>);

    /// <summary>Adds a consumer that handles many events in one statement, otherwise as <see cref="AddBatchConsumer{TConsumer, TEvent}"/>.</summary>
    /// <typeparam name="TConsumer">The consumer.</typeparam>
    /// <typeparam name="TEvent">What it takes: one event, or <see cref="IIntegrationEvent"/> for every event there is.</typeparam>
    public MessagingBuilder AddBulkConsumer<TConsumer, TEvent>()
        where TConsumer : class, IBulkConsumer<TEvent>
        where TEvent : class, IIntegrationEvent => AddBatches<TConsumer>(typeof(TEvent), BatchCalls.AllAsync<TConsumer, TEvent>);

    private MessagingBuilder AddBatches<TConsumer>(Type @event, BatchCall call)
        where TConsumer : class
    {
        var subscription = Subscription.Add(Topology, typeof(TConsumer), @event);
        Services.AddScoped<TConsumer>();
        Services.AddSingleton(services => ActivatorUtilities.CreateInstance<BatchReceiver<TConsumer>>(services, subscription, call));
        Services.AddHostedService(services => services.GetRequiredService<BatchReceiver<TConsumer>>());
        Services.AddHealthChecks().Add(new HealthCheckRegistration(subscription.Queue.Name,
            services => services.GetRequiredService<BatchReceiver<TConsumer>>(), HealthStatus.Degraded, [MessagingSettings.ReadyTag]));
        return this;
    }
}
