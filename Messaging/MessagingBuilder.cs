using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Shop.Messaging.Consuming;
using Shop.Messaging.Consuming.Batches;
using Shop.Messaging.RabbitMq;

namespace Shop.Messaging;

/// <summary>Configures the consumers of a service.</summary>
public sealed class MessagingBuilder
{
    internal MessagingBuilder(IServiceCollection services, BrokerTopology topology, MessagingSettings settings) =>
        (Services, Topology, Settings) = (services, topology, settings);

    internal IServiceCollection Services { get; }

    internal BrokerTopology Topology { get; }

    internal MessagingSettings Settings { get; }

    /// <summary>
    /// Declares the service's exchanges, queues and bindings at every start, instead of loading definitions into the broker: for development
    /// and small installations. The service's user needs the configure permission. What AMQP cannot declare is left out: users,
    /// and the policy that raises RabbitMQ 4's limit of 20 deliveries for dead-letter queues.
    /// </summary>
    public MessagingBuilder DeclareTopology()
    {
        Topology.ExpectDeclaration();
        Services.AddSingleton<TopologyDeclaration>();
        Services.AddHostedService(services => services.GetRequiredService<TopologyDeclaration>());
        Services.AddHealthChecks().Add(new HealthCheckRegistration("topology declaration",
            services => services.GetRequiredService<TopologyDeclaration>(), HealthStatus.Unhealthy, [MessagingSettings.ReadyTag]));
        return this;
    }

    /// <summary>
    /// Adds a consumer that saves many events in one transaction, with its own queue, named after the service and the consumer. For where
    /// the transaction costs more than the work in it. Events of one aggregate stay in order.
    /// </summary>
    /// <typeparam name="TConsumer">The consumer.</typeparam>
    /// <typeparam name="TEvent">The event that it subscribes to, or <see cref="IIntegrationEvent"/> for every event.</typeparam>
    public MessagingBuilder AddBatchConsumer<TConsumer, TEvent>()
        where TConsumer : class, IBatchConsumer<TEvent>
        where TEvent : class, IIntegrationEvent => AddBatches<TConsumer>(typeof(TEvent), BatchCalls.EachAsync<TConsumer, TEvent>);

    /// <summary>Adds a consumer that handles many events in one statement, otherwise as <see cref="AddBatchConsumer{TConsumer, TEvent}"/>.</summary>
    /// <typeparam name="TConsumer">The consumer.</typeparam>
    /// <typeparam name="TEvent">The event that it subscribes to, or <see cref="IIntegrationEvent"/> for every event.</typeparam>
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
