using System.Security.Authentication;
using MassTransit;
using MassTransit.Middleware;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Update;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Shop.Messaging.Consuming;
using Shop.Messaging.Consuming.MassTransit;
using Shop.Messaging.DomainEvents;
using Shop.Messaging.Operations;
using Shop.Messaging.Outbox;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Relay;
using Shop.Messaging.Telemetry;
using Shop.Messaging.UnitOfWork;
using Shop.Messaging.Wire;

namespace Shop.Messaging;

/// <summary>Adds outbox, relay, inbox and consumers to a service.</summary>
public static class MessagingRegistration
{
    /// <summary>
    /// For a service with a domain model: what its aggregates recorded is translated by <paramref name="publishedEvents"/>
    /// while saving. Needs the connection strings <c>Database</c> and <c>rabbitmq</c>.
    /// </summary>
    /// <typeparam name="TContext">The service's DbContext; its model calls <see cref="MessagingSchema.MapMessaging"/>.</typeparam>
    public static void AddMessaging<TContext>(
        this IHostApplicationBuilder builder, EventCatalog events, PublishedEventsMap publishedEvents,
        Action<MessagingBuilder> consumers)
        where TContext : DbContext
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(consumers);
        var settings = ReadSettings(builder);
        var topology = new BrokerTopology(settings.Service, events, settings.RetryDelays) { VirtualHost = settings.VirtualHost };
        var comesAgain = topology.RetryDelays.Aggregate(TimeSpan.FromDays(1), (sum, delay) => sum + delay);
        if (settings.InboxRetention < comesAgain)
        {
            throw new InvalidOperationException("Messaging:InboxRetention must be at least a day longer than all of Messaging:RetryDelays, "
                + $"{comesAgain}: a message that comes again later than that would act again.");
        }

        var noLongerConsumed = OldVersions.Checked(settings, events);
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(settings).AddSingleton(events).AddSingleton<MessageReader>().AddSingleton<MessagingSpans>().AddSingleton(topology).AddSingleton(new MessagingDocuments(topology, settings)).AddSingleton<TopologyCheck>().AddSingleton<FailurePolicy>();
        builder.Services.AddSingleton<ConsumerProgress>().AddHostedService(services => services.GetRequiredService<ConsumerProgress>());
        builder.Services.AddHealthChecks().Add(new HealthCheckRegistration(
            "consumers", services => services.GetRequiredService<ConsumerProgress>(), HealthStatus.Unhealthy, [MessagingSettings.ReadyTag]));
        builder.Services.AddHealthChecks().AddCheck<TopologyCheck>("topology", tags: [MessagingSettings.ReadyTag]);
        builder.Services.AddSingleton(publishedEvents);
        builder.Services.AddSingleton<OutboxDoorbell>();
        builder.Services.AddSingleton<IRelayStore, RelayStore>().AddSingleton<IRelayPreparation, RowPreparation>();
        builder.Services.AddSingleton<BrokerPublisher>();
        builder.Services.AddSingleton<IEventPublisher>(services => services.GetRequiredService<BrokerPublisher>());
        builder.Services.AddDomainEvents<TContext>().AddScoped<MessageOrigin>().AddScoped<ICommitParticipant, OutboxParticipant>();
        builder.Services.ConfigureDbContext<TContext>(options =>
            options.ReplaceService<IModificationCommandBatchFactory, SingleRoundTripBatchFactory>());
        builder.Services.AddScoped(services => new OutboxAppender(services.GetRequiredService<MessageOrigin>(), events, noLongerConsumed));
        builder.Services.AddScoped<DbContext>(services => services.GetRequiredService<TContext>());
        if (settings.RelayEnabled)
        {
            builder.Services.AddHostedService<OutboxListener>().AddHostedService<OutboxRelay>();
        }

        builder.Services.AddSingleton<OutboxWatch>().AddHostedService(services => services.GetRequiredService<OutboxWatch>());
        builder.Services.AddHealthChecks().Add(new HealthCheckRegistration(
            "outbox", services => services.GetRequiredService<OutboxWatch>(), HealthStatus.Degraded, [MessagingSettings.ReadyTag]));
        builder.Services.AddHostedService<MessagingRetention>().AddScoped<IDeadLetterQueues, DeadLetterQueues>().AddSingleton<IOutboxReport, OutboxReport>();
        AddBus(builder.Services, settings, topology, consumers);
    }

    /// <summary>For a service without a domain model, which appends to the outbox itself, if at all.</summary>
    /// <typeparam name="TContext">The service's DbContext; its model calls <see cref="MessagingSchema.MapMessaging"/>.</typeparam>
    public static void AddMessaging<TContext>(this IHostApplicationBuilder builder, EventCatalog events, Action<MessagingBuilder> consumers)
        where TContext : DbContext => builder.AddMessaging<TContext>(events, NothingPublished, consumers);

    private static IEnumerable<IIntegrationEvent> NothingPublished(IReadOnlyList<DomainEvent> events) => events.Count == 0
        ? []
        : throw new InvalidOperationException($"{events[0].GetType().Name} was raised, but this service registered no PublishedEvents.");

    private static MessagingSettings ReadSettings(IHostApplicationBuilder builder)
    {
        var section = builder.Configuration.GetSection("Messaging");
        var broker = RequiredConnection(builder.Configuration, "rabbitmq");
        var defaults = new Dictionary<string, string?>
        {
            ["Service"] = builder.Environment.ApplicationName.ToLowerInvariant(),
            ["Database"] = RequiredConnection(builder.Configuration, "Database"),
            ["Broker"] = broker,
            ["VirtualHost"] = new Uri(broker).AbsolutePath is { Length: > 1 } path ? Uri.UnescapeDataString(path[1..]) : "/",
        };
        return new ConfigurationBuilder().AddInMemoryCollection(defaults).AddConfiguration(section).Build().Get<MessagingSettings>()!;
    }

    private static string RequiredConnection(IConfiguration configuration, string name) =>
        configuration.GetConnectionString(name) is { Length: > 0 } value ? value : throw new InvalidOperationException(
            $"The connection string '{name}' is missing. Set ConnectionStrings__{name}.");

    private static void AddBus(
        IServiceCollection services, MessagingSettings settings, BrokerTopology topology, Action<MessagingBuilder> consumers) =>
        services.AddMassTransit(bus =>
        {
            bus.DisableUsageTelemetry();
            consumers(new MessagingBuilder(bus, topology, settings));

            // Shown in /health/ready, but no reason to take no requests: what needs only the database works without the broker.
            bus.ConfigureHealthCheckOptions(health => health.MinimalFailureStatus = HealthStatus.Degraded);
            bus.AddConfigureEndpointsCallback((context, queue, endpoint) => ConfigureQueue(context, queue, endpoint, settings, topology));
            bus.UsingRabbitMq((context, rabbit) =>
            {
                rabbit.Host(settings.Broker, settings.Service + " consumers", host => UseTls(host, settings.Broker));
                rabbit.ConnectBusObserver(context.GetRequiredService<TopologyCheck>());
                rabbit.ConnectReceiveObserver(context.GetRequiredService<ConsumerProgress>());
                rabbit.ClearSerialization();
                var wire = new WireDeserializer(context.GetRequiredService<MessageReader>());
                rabbit.AddSerializer(wire);
                rabbit.AddDeserializer(wire, isDefault: true);
                rabbit.SendTopology.ErrorQueueNameFormatter = DeadLetterNames.Instance;
                rabbit.SendTopology.DeadLetterQueueNameFormatter = DeadLetterNames.Instance;
                rabbit.SendTopology.ConfigureErrorSettings = DeadLetterNames.ClearArguments;
                rabbit.SendTopology.ConfigureDeadLetterSettings = DeadLetterNames.ClearArguments;
                rabbit.ConfigureEndpoints(context);
            });
        });

    // MassTransit takes an address for one with TLS by its port, 5671, and not by its scheme.
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
        IRegistrationContext context, string queue, IReceiveEndpointConfigurator endpoint, MessagingSettings settings,
        BrokerTopology topology)
    {
        endpoint.ConfigureConsumeTopology = false;
        endpoint.PublishFaults = false;
        endpoint.PrefetchCount = settings.Prefetch;
        if (endpoint is IRabbitMqReceiveEndpointConfigurator rabbit)
        {
            foreach (var (name, value) in BrokerTopology.QueueArguments(queue))
            {
                rabbit.SetQueueArgument(name, value);
            }
        }

        var failed = new FailedMessageFilter(
            context.GetRequiredService<FailurePolicy>(), context.GetRequiredService<MessagingSpans>(), queue, settings.ConfirmTimeout, context.GetRequiredService<TimeProvider>());
        endpoint.ConfigureError(error => error.UseFilter<ExceptionReceiveContext>(failed));
        endpoint.ConfigureDeadLetter(skipped => skipped.UseFilter<ReceiveContext>(failed));

        // A database that is away is no fault of the message: hold it and wait, however long it takes.
        endpoint.UseMessageRetry(retry =>
        {
            retry.Handle<Exception>(Transient.IsDatabaseAway);
            retry.Exponential(10_000, TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(3), TimeSpan.FromMilliseconds(200));
        });
        endpoint.UseMessageRetry(retry =>
        {
            retry.Handle<Exception>(e => Transient.IsConflict(e) || Transient.IsLockTimeout(e));
            retry.Exponential(20, TimeSpan.FromMilliseconds(5), TimeSpan.FromMilliseconds(500), TimeSpan.FromMilliseconds(5));
        });
        endpoint.UseMessageRetry(retry =>
        {
            retry.Ignore<Exception>(e => Transient.IsDatabaseAway(e) || Transient.IsConflict(e) || Transient.IsLockTimeout(e));
            retry.Incremental(settings.ImmediateRetries, TimeSpan.Zero, TimeSpan.FromMilliseconds(25));
        });
        endpoint.UseConsumeFilter(typeof(InboxFilter<>), context);
    }

    /// <summary>What fails and what nobody consumes goes to one place per queue, the same that the broker dead-letters to.</summary>
    private sealed class DeadLetterNames : IErrorQueueNameFormatter, IDeadLetterQueueNameFormatter
    {
        public static readonly DeadLetterNames Instance = new();

        public string FormatErrorQueueName(string queueName) => BrokerTopology.DeadLettersOf(queueName);

        public string FormatDeadLetterQueueName(string queueName) => BrokerTopology.DeadLettersOf(queueName);

        /// <summary>MassTransit copies the arguments of the queue to its dead letters, where they would end in a loop.</summary>
        public static void ClearArguments(IRabbitMqQueueBindingConfigurator settings)
        {
            foreach (var name in BrokerTopology.QueueArguments("").Keys.Except(BrokerTopology.DeadLetterArguments().Keys))
            {
                settings.SetQueueArgument(name, null!);
            }
        }
    }
}
