using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using Shop.Messaging.Outbox;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Relay;

namespace Shop.Messaging.LogTailing;

internal static class LogTailingRegistration
{
    /// <summary>
    /// Adds the relay from the log. Both strategies have it: what the other one left behind is to be sent too. What decides where
    /// events go is in the database: see <see cref="IRelayStrategy.PrepareAsync"/>.
    /// </summary>
    public static void AddLogTailing(this IServiceCollection services, MessagingSettings settings)
    {
        services.AddSingleton<LogStatus>();
        services.AddSingleton<IRelayStore, RelayStoreBehindLog>();
        if (settings.Relay == RelayKind.LogTailing)
        {
            services.AddSingleton<IRelayStrategy, LogTailingStrategy>();
        }
        else
        {
            services.AddSingleton<IRelayStrategy, PollingStrategy>();
        }

        if (settings.RelayEnabled)
        {
            // A broker connection of its own: the polling relay beside it uses its one at the same time.
            services.AddSingleton(provider => new LogDelivery(
                settings, provider.GetRequiredService<OutboxDoorbell>(), ActivatorUtilities.CreateInstance<BrokerPublisher>(provider),
                provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<LogDelivery>>()));
            services.AddHostedService<LogRelay>();

            // Degraded at most: the service answers requests, and taking it away would not help its events.
            services.AddHealthChecks().AddCheck<LogHealthCheck>("relay", HealthStatus.Degraded, [MessagingSettings.ReadyTag]);
        }
    }
}
