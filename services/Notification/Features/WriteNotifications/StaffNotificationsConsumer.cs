using MassTransit;
using Microsoft.Extensions.Options;
using Shop.Contracts.Inventory.V1;

namespace Shop.Notification.Features.WriteNotifications;

/// <summary>Tells the staff what they have to see to: one mail per event and address, in the inbox's transaction.</summary>
internal sealed class StaffNotificationsConsumer(NotificationWriter writer, IOptions<StaffSettings> settings) : IConsumer<StockLevelLow>
{
    public Task Consume(ConsumeContext<StockLevelLow> context)
    {
        var letter = Letters.For(context.Message);
        return writer.TellStaffAsync(
            [.. settings.Value.StaffRecipients.Select(address => new Told(context.Message, address, null, letter))], context.CancellationToken);
    }
}
