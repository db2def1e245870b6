using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Shop.Messaging.LogTailing;
using Shop.Messaging.Outbox;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Relay;

namespace Shop.Messaging.Tests.Harness;

/// <summary>Relays that reach no broker, while the rest of the service does.</summary>
internal static class Unreachable
{
    public static void Broker(IServiceCollection services)
    {
        services.AddSingleton<IEventPublisher>(Publisher);
        services.AddSingleton(provider => new LogDelivery(
            provider.GetRequiredService<MessagingSettings>(), provider.GetRequiredService<OutboxSignal>(), Publisher(provider),
            provider.GetRequiredService<RecentlyPublished>(), TimeProvider.System, provider.GetRequiredService<ILogger<LogDelivery>>()));
    }

    private static BrokerPublisher Publisher(IServiceProvider services)
    {
        var settings = services.GetRequiredService<MessagingSettings>();
        var unreachable = new MessagingSettings { Service = settings.Service, Database = settings.Database, Broker = new Uri("amqp://127.0.0.1:9/") };
        return ActivatorUtilities.CreateInstance<BrokerPublisher>(services, unreachable);
    }
}
