using Microsoft.Extensions.Options;

namespace Shop.Notification.Features.WriteNotifications;

internal static class WritingRegistration
{
    /// <summary>Adds the services of the consumers; the settings are validated at startup.</summary>
    public static void AddNotificationWriting(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<StaffSettings>().BindConfiguration("Notifications").ValidateOnStart();
        builder.Services.AddSingleton<IValidateOptions<StaffSettings>, StaffSettingsRules>();
        builder.Services.AddScoped<NotificationWriter>();
    }
}
