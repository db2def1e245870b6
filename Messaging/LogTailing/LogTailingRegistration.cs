using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using Shop.Messaging.Outbox;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Relay;

namespace Shop.Messaging.LogTailing;

/// <summary>Adds transaction log tailing instead of polling.</summary>
public static class LogTailingRegistration
{
    /// <summary>
    /// Events go to the database's write-ahead log instead of the outbox table, and the relay reads the log through a replication slot. Needs
    /// PostgreSQL with <c>wal_level = logical</c> and a login with REPLICATION; without them events are stored as rows and polled, and the
    /// health check reports it. The service's migrate command sets it up. To go back, set <c>Messaging:Relay</c> to <c>Polling</c>, keep this call
    /// until migrate has run and the slot is dropped, and then remove it.
    /// </summary>
    /// <typeparam name="TContext">The service's DbContext.</typeparam>
    public static MessagingBuilder UseLogTailing<TContext>(this MessagingBuilder messaging)
        where TContext : DbContext
    {
        ArgumentNullException.ThrowIfNull(messaging);
        var (services, settings) = (messaging.Services, messaging.Settings);
        services.AddSingleton<LogStatus>().AddSingleton<ILogBacklog>(provider => provider.GetRequiredService<LogStatus>());
        services.Replace(ServiceDescriptor.Singleton<IRelayStore, RelayStoreBehindLog>());
        services.Replace(settings.Relay == RelayKind.Polling
            ? ServiceDescriptor.Singleton<IRelayPreparation, PollingPreparation>()
            : ServiceDescriptor.Singleton<IRelayPreparation, LogTailingPreparation>());
        services.ConfigureDbContext<TContext>(options => options.AddInterceptors(LoggedEventInterceptor.Instance));
        if (settings.RelayEnabled)
        {
            // Its own broker connection: the polling relay uses the other one concurrently.
            services.AddSingleton(provider => new LogDelivery(
                settings, provider.GetRequiredService<OutboxSignal>(), ActivatorUtilities.CreateInstance<BrokerPublisher>(provider),
                provider.GetRequiredService<RecentlyPublished>(), provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<LogDelivery>>()));
            services.AddHostedService<LogRelay>();

            // Degraded at most: the service still answers requests.
            services.AddHealthChecks().AddCheck<LogHealthCheck>("relay", HealthStatus.Degraded, [MessagingSettings.ReadyTag]);
        }

        return messaging;
    }

    /// <summary>Calls <see cref="UseLogTailing{TContext}"/> where <c>Messaging:Relay</c> is configured.</summary>
    /// <typeparam name="TContext">The service's DbContext.</typeparam>
    public static MessagingBuilder UseRelayOf<TContext>(this MessagingBuilder messaging, IConfiguration configuration)
        where TContext : DbContext
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return string.IsNullOrEmpty(configuration["Messaging:Relay"]) ? messaging : messaging.UseLogTailing<TContext>();
    }
}
