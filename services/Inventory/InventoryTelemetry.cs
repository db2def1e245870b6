using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Shop.Inventory;

/// <summary>Inventory's own spans and metrics.</summary>
internal static class InventoryTelemetry
{
    public const string Name = "Shop.Inventory";

    private static readonly ActivitySource s_activities = new(Name);

    private static readonly Meter s_meter = new(Name);

    public static readonly Counter<long> Expired = s_meter.CreateCounter<long>(
        "shop.inventory.reservations.expired", "{reservation}", "Reservations that were not shipped in time.");

    public static readonly Counter<long> LateShipments = s_meter.CreateCounter<long>(
        "shop.inventory.shipments.late", "{order}", "Orders that were shipped after their reservation expired.");

    public static readonly Counter<long> UnitsFound = s_meter.CreateCounter<long>(
        "shop.inventory.shipments.found", "{unit}", "Units that were shipped late and had to be booked in first.");

    /// <summary>The expiry of a reservation, which starts a trace.</summary>
    public static Activity? Expire(Guid orderId) => s_activities.StartActivity("expire reservation")?.SetTag("shop.order.id", orderId.ToString());
}
