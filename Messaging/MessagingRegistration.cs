using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Update;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Shop.Messaging.Consuming;
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
    /// <param name="builder">The service's builder, after AddDbContext or AddDbContextPool.</param>
    /// <param name="events">All events that the service publishes or consumes.</param>
    /// <param name="publishedEvents">The integration events of a unit of work, from its domain events.</param>
    /// <param name="consumers">Adds consumers and options.</param>
    public static void AddMessaging<TContext>(
        this IHostApplicationBuilder builder, EventCatalog events, PublishedEventsMap publishedEvents,
        Action<MessagingBuilder> consumers)
        where TContext : DbContext
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(consumers);
        var settings = ReadSettings(builder);
        MessagingSettingsRules.Validate(settings);
        var topology = new BrokerTopology(settings.Service, events, settings.RetryDelays) { VirtualHost = settings.VirtualHost };
        ValidateRetention(settings, topology);
        var retired = OldVersions.Validate(settings, events);
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(settings).AddSingleton(events).AddSingleton(topology).AddSingleton<MessageReader>().AddSingleton<MessagingSpans>();
        builder.Services.AddSingleton(new MessagingDocuments(topology, settings)).AddSingleton<FailurePolicy>().AddSingleton<ConsumerActivity>().AddSingleton<Pump>();
        builder.Services.AddSingleton<TopologyCheck>().AddHostedService(services => services.GetRequiredService<TopologyCheck>());
        builder.Services.AddSingleton<ConsumerProgress>().AddHostedService(services => services.GetRequiredService<ConsumerProgress>());
        builder.Services.AddHealthChecks().AddCheck<TopologyCheck>("topology", tags: [MessagingSettings.ReadyTag]).Add(new HealthCheckRegistration(
            "consumers", services => services.GetRequiredService<ConsumerProgress>(), HealthStatus.Unhealthy, [MessagingSettings.ReadyTag]));
        builder.Services.AddSingleton(publishedEvents);
        builder.Services.AddSingleton<OutboxSignal>();
        builder.Services.AddSingleton<IRelayStore, RelayStore>().AddSingleton<IRelayPreparation, RowPreparation>();
        builder.Services.AddSingleton<BrokerPublisher>();
        builder.Services.AddSingleton<IEventPublisher>(services => services.GetRequiredService<BrokerPublisher>());
        builder.Services.AddDomainEvents<TContext>().AddScoped<MessageOrigin>().AddScoped<ICommitParticipant, OutboxParticipant>();
        builder.Services.ConfigureDbContext<TContext>(options =>
            options.ReplaceService<IModificationCommandBatchFactory, SingleRoundTripBatchFactory>());
        builder.Services.AddScoped(services => new OutboxAppender(services.GetRequiredService<MessageOrigin>(), events, retired));
        builder.Services.AddScoped<DbContext>(services => services.GetRequiredService<TContext>());
        if (settings.RelayEnabled)
        {
            builder.Services.AddSingleton<RecentlyPublished>().AddHostedService<OutboxListener>().AddHostedService<OutboxRelay>();
        }

        builder.Services.AddSingleton<OutboxWatch>().AddHostedService(services => services.GetRequiredService<OutboxWatch>());
        builder.Services.AddHealthChecks().Add(new HealthCheckRegistration(
            "outbox", services => services.GetRequiredService<OutboxWatch>(), HealthStatus.Degraded, [MessagingSettings.ReadyTag]));
        AddOperations(builder.Services);
        consumers(new MessagingBuilder(builder.Services, topology, settings));
    }

    private static void AddOperations(IServiceCollection services)
    {
        services.AddHostedService<MessagingRetention>();
        services.AddScoped<DeadLetterQueues>().AddScoped<IDeadLetterQueues>(provider => provider.GetRequiredService<DeadLetterQueues>());
        services.AddSingleton<ParkedEvents>().AddSingleton<IOutboxReport, OutboxReport>();
        services.AddSingleton<QueueDepths>().AddSingleton<IOperationsReport, OperationsReport>().AddHostedService<QueueWatch>().AddScoped<IJourneyReport, JourneyReport>()
            .AddScoped<IInvariantReport, InvariantReport>();
        services.AddSingleton<JobStore>().AddSingleton(provider => new AuditTrail(
            provider.GetRequiredService<MessagingSettings>(), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new RedriveJobs(
            provider.GetRequiredService<JobStore>(), provider.GetRequiredService<IServiceScopeFactory>(), provider.GetRequiredService<ParkedEvents>(),
            provider.GetRequiredService<IHostApplicationLifetime>(), provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<RedriveJobs>>()));
        services.AddHostedService(provider => provider.GetRequiredService<RedriveJobs>());
        services.AddSingleton(provider => new EventTraffic(
            provider.GetRequiredService<MessagingSettings>(), provider.GetRequiredService<BrokerTopology>(),
            provider.GetRequiredService<ConsumerActivity>(), provider.GetService<RecentlyPublished>(),
            HandledDomainEvent.In(services), provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<EventTraffic>>()));
        services.AddHostedService(provider => provider.GetRequiredService<EventTraffic>());
    }

    /// <summary>For a service without a domain model, which appends to the outbox directly or publishes nothing.</summary>
    /// <typeparam name="TContext">The service's DbContext; its model calls <see cref="MessagingSchema.MapMessaging"/>.</typeparam>
    /// <param name="builder">The service's builder, after AddDbContext or AddDbContextPool.</param>
    /// <param name="events">All events that the service publishes or consumes.</param>
    /// <param name="consumers">Adds consumers and options.</param>
    public static void AddMessaging<TContext>(this IHostApplicationBuilder builder, EventCatalog events, Action<MessagingBuilder> consumers)
        where TContext : DbContext => builder.AddMessaging<TContext>(events, NothingPublished, consumers);

    private static IEnumerable<IIntegrationEvent> NothingPublished(IReadOnlyList<DomainEvent> events) => events.Count == 0
        ? []
        : throw new InvalidOperationException($"{events[0].GetType().Name} was raised, but this service registered no PublishedEvents.");

    private static void ValidateRetention(MessagingSettings settings, BrokerTopology topology)
    {
        var longestRedelivery = topology.RetryDelays.Aggregate(TimeSpan.FromDays(1), (sum, delay) => sum + delay);
        if (settings.InboxRetention < longestRedelivery)
        {
            throw new InvalidOperationException("Messaging:InboxRetention must be at least a day longer than all of Messaging:RetryDelays, "
                + $"{longestRedelivery}: a message that is redelivered later would be processed twice.");
        }
    }

    private static MessagingSettings ReadSettings(IHostApplicationBuilder builder)
    {
        var section = builder.Configuration.GetSection("Messaging");
        var broker = RequiredConnection(builder.Configuration, "rabbitmq");
        var defaults = new Dictionary<string, string?>
        {
            ["Service"] = builder.Environment.ApplicationName.ToLowerInvariant(),
            ["Database"] = RequiredConnection(builder.Configuration, "Database"),
            ["Broker"] = broker,
            ["VirtualHost"] = BrokerAddress(broker).AbsolutePath is { Length: > 1 } path ? Uri.UnescapeDataString(path[1..]) : "/",
        };
        return new ConfigurationBuilder().AddInMemoryCollection(defaults).AddConfiguration(section).Build().Get<MessagingSettings>()!;
    }

    private static Uri BrokerAddress(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Scheme is "amqp" or "amqps" && address.Host.Length > 0
            ? address
            : throw new InvalidOperationException("The connection string 'rabbitmq' is no address of a broker. "
                + "Set ConnectionStrings__rabbitmq to one such as amqp://user:password@rabbitmq:5672/vhost.");

    private static string RequiredConnection(IConfiguration configuration, string name) =>
        configuration.GetConnectionString(name) is { Length: > 0 } value ? value : throw new InvalidOperationException(
            $"The connection string '{name}' is missing. Set ConnectionStrings__{name}.");
}
