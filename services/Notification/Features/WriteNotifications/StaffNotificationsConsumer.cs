using MassTransit;
using Microsoft.Extensions.Options;
using Shop.Contracts.Inventory.V1;

namespace Shop.Notification.Features.WriteNotifications;

/// <summary>Notifies staff of low stock: records one mail per event and address, in the inbox's transaction.</summary>
internal sealed class StaffNotificationsConsumer(NotificationWriter writer, IOptions<StaffSettings> settings) : IConsumer<StockLevelLow>
{
    public Task Consume(ConsumeContext<StockLevelLow> context)
    {
        var letter = Letters.For(context.Message);
        return writer.AddForStaffAsync(
            [.. settings.Value.StaffRecipients.Select(address => new NotificationDraft(context.Message, address, null, letter))], context.CancellationToken);
    }
}
