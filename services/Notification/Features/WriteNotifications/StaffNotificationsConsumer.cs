using MassTransit;
using Microsoft.Extensions.Options;
using Shop.Contracts.Inventory.V1;

namespace Shop.Notification.Features.WriteNotifications;

/// <summary>Tells the staff what they have to see to: one mail per event and address, in the inbox's transaction.</summary>
internal sealed class StaffNotificationsConsumer(NotificationWriter writer, IOptions<StaffSettings> settings) : IConsumer<StockLevelLow>
{
    public async Task Consume(ConsumeContext<StockLevelLow> context)
    {
        var letter = Letters.For(context.Message);
        foreach (var address in settings.Value.StaffRecipients)
        {
            await writer.TellStaffAsync(context.Message, address, letter, context.CancellationToken);
        }
    }
}
