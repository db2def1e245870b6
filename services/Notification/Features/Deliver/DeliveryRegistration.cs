using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Shop.Notification.Persistence;

namespace Shop.Notification.Features.Deliver;

internal static class DeliveryRegistration
{
    /// <summary>Adds the delivery of notifications over both channels; its settings are validated at startup.</summary>
    public static void AddDelivery(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptions<DeliverySettings>().BindConfiguration("Delivery").ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<EmailSettings>().BindConfiguration("Email").ValidateOnStart();
        services.AddOptions<WebhookSettings>().BindConfiguration("Webhook").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<IValidateOptions<EmailSettings>, EmailSettingsRules>();
        services.AddSingleton<IValidateOptions<WebhookSettings>, WebhookSettingsRules>();
        services.AddSingleton<EmailSender>().AddSingleton<WebhookSender>().AddSingleton<WebhookAddresses>();
        services.AddSingleton<DeliverySignal>().AddSingleton<DeliveredBatcher>();
        services.AddScoped<DeliveryQueue>();
        services.AddWorker<EmailSender>().AddWorker<WebhookSender>();
        services.ConfigureDbContext<NotificationDbContext>((provider, db) => db.AddInterceptors(provider.GetRequiredService<DeliverySignal>()));
    }

    /// <summary>A worker per channel, so that a failing one does not use up the other's slots. AddHostedService ignores a second registration of a type.</summary>
    private static IServiceCollection AddWorker<TSender>(this IServiceCollection services)
        where TSender : INotificationSender => services.AddSingleton<IHostedService>(provider =>
            ActivatorUtilities.CreateInstance<DeliveryWorker>(provider, provider.GetRequiredService<TSender>()));
}
