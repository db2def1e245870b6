using Microsoft.EntityFrameworkCore;
using Shop.Notification.Persistence;

namespace Shop.Notification.Features.Deliver;

internal static class DeliveryRegistration
{
    /// <summary>Adds the delivery of notifications by mail; its settings are checked when the service starts.</summary>
    public static void AddDelivery(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<DeliverySettings>().BindConfiguration("Delivery").ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddOptions<EmailSettings>().BindConfiguration("Email").ValidateOnStart();
        builder.Services.AddSingleton<Microsoft.Extensions.Options.IValidateOptions<EmailSettings>, EmailSettingsRules>();
        builder.Services.AddSingleton<EmailSender>().AddSingleton<DeliveryPipeline>().AddSingleton<DeliveryDoorbell>();
        builder.Services.AddScoped<DeliveryQueue>().AddHostedService<DeliveryWorker>();
        builder.Services.ConfigureDbContext<NotificationDbContext>((services, db) =>
            db.AddInterceptors(services.GetRequiredService<DeliveryDoorbell>()));
    }
}
