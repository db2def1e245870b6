using System.Security.Authentication;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using Shop.Messaging.Consuming;
using Shop.Messaging.Consuming.MassTransit;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Wire;

namespace Shop.Messaging;

/// <summary>Registers consumers of single events, <see cref="IConsumer{T}"/>, with MassTransit as the transport.</summary>
public static class MassTransitConsumers
{
    /// <summary>
    /// Adds a consumer with a queue of its own, named after the service and the consumer, bound to the events of its
    /// <see cref="IConsumer{T}"/> interfaces; <c>IConsumer&lt;IIntegrationEvent&gt;</c> subscribes to every event.
    /// </summary>
    /// <typeparam name="TConsumer">
    /// The consumer. It saves at the end or lets the inbox save, in one transaction, which a failed save rolls back: there is no
    /// savepoint.
    /// </typeparam>
    /// <param name="messaging">The service's consumers.</param>
    /// <exception cref="InvalidOperationException">An event of the consumer is in no namespace.</exception>
    public static MessagingBuilder AddConsumer<TConsumer>(this MessagingBuilder messaging)
        where TConsumer : class, IConsumer
    {
        ArgumentNullException.ThrowIfNull(messaging);
        var bus = BusOf(messaging);
        var subscription = Subscribe(messaging.Topology, typeof(TConsumer));
        bus.Subscriptions.Add(subscription.Queue.Name, subscription);
        bus.Configurator.AddConsumer<TConsumer>().Endpoint(endpoint => endpoint.Name = subscription.Queue.Name);
        return messaging;
    }

    /// <summary>Adds the queue of a consumer.</summary>
    internal static Subscription Subscribe(BrokerTopology topology, Type consumer)
    {
        var subscription = Subscription.Add(topology, consumer, [.. consumer.GetInterfaces()
            .Where(type => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IConsumer<>)).Select(type => type.GenericTypeArguments[0])]);
        var nameless = subscription.Queue.Events.Select(topology.Events.TypeOf).FirstOrDefault(type => string.IsNullOrEmpty(type?.Namespace));
        return nameless is null ? subscription : throw new InvalidOperationException(
            $"{consumer.Name} subscribes to {nameless.FullName}, which is in no namespace: MassTransit dispatches no such type. Put the event into a namespace.");
    }

    /// <summary>The service's bus, registered with its first consumer.</summary>
    private static Bus BusOf(MessagingBuilder messaging)
    {
        if (messaging.Services.Select(service => service.ImplementationInstance).OfType<Bus>().SingleOrDefault() is { } known)
        {
            return known;
        }

        Bus? added = null;
        messaging.Services.AddMassTransit(bus =>
        {
            added = new Bus(bus, []);
            Configure(bus, added.Subscriptions, messaging.Settings);
        });

        // FailurePolicy logs a failure once; MassTransit would log each attempt with its stack trace.
        messaging.Services.AddLogging(logging => logging.AddFilter("MassTransit.ReceiveTransport", LogLevel.Critical));
        messaging.Services.AddSingleton(added!);
        return added!;
    }

    private static void Configure(IBusRegistrationConfigurator bus, Dictionary<string, Subscription> subscriptions, MessagingSettings settings)
    {
        bus.DisableUsageTelemetry();

        // Degraded only: requests that need only the database work without the broker.
        bus.ConfigureHealthCheckOptions(health => health.MinimalFailureStatus = HealthStatus.Degraded);
        bus.AddConfigureEndpointsCallback((context, queue, endpoint) => ConfigureQueue(context, subscriptions[queue], endpoint, settings));
        bus.UsingRabbitMq((context, rabbit) =>
        {
            rabbit.Host(settings.Broker, settings.Service + " consumers", host => UseTls(host, settings.Broker));
            rabbit.ConnectBusObserver(ActivatorUtilities.CreateInstance<StartWhenComplete>(context));
            rabbit.ClearSerialization();
            var wire = new WireDeserializer();
            rabbit.AddSerializer(wire);
            rabbit.AddDeserializer(wire, isDefault: true);
            rabbit.ConfigureEndpoints(context);
        });
    }

    // MassTransit enables TLS by the port, 5671, and not by the scheme.
    private static void UseTls(IRabbitMqHostConfigurator host, Uri broker)
    {
        if (broker.Scheme == "amqps")
        {
            host.UseSsl(tls =>
            {
                tls.ServerName = broker.Host;
                tls.Protocol = SslProtocols.None; // the system's choice
            });
        }
    }

    private static void ConfigureQueue(
        IRegistrationContext context, Subscription subscription, IReceiveEndpointConfigurator endpoint, MessagingSettings settings)
    {
        endpoint.ConfigureConsumeTopology = false;
        endpoint.PublishFaults = false;
        endpoint.PrefetchCount = settings.Prefetch;
        if (endpoint is IRabbitMqReceiveEndpointConfigurator rabbit)
        {
            foreach (var (name, value) in BrokerTopology.QueueArguments(subscription.Queue.Name))
            {
                rabbit.SetQueueArgument(name, value);
            }
        }

        // The pump replaces MassTransit's retries, error queues and skipped queues.
        endpoint.RethrowFaultedMessages();
        endpoint.ThrowOnSkippedMessages();
        endpoint.ConfigureReceive(receive => receive.UseFilter(new PumpFilter(
            subscription, context.GetRequiredService<Pump>(), context.GetRequiredService<MessageReader>(), context.GetRequiredService<BrokerTopology>(),
            settings.ConfirmTimeout)));
    }

    private sealed record Bus(IBusRegistrationConfigurator Configurator, Dictionary<string, Subscription> Subscriptions);
}
