using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Ordering.V1;
using Shop.Messaging;

namespace Shop.Notification.Tests;

/// <summary>Events as Ordering publishes them.</summary>
internal static class Sample
{
    private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    public static string Customer(string name) => $"{name}-{Guid.CreateVersion7():N}";

    public static OrderConfirmed Confirmed(string customer, Guid? order = null) => new(Guid.CreateVersion7(), Now,
        order ?? Guid.CreateVersion7(), 2, customer, [new("TEA-1", 2, 4.5m), new("POT-1", 1, 1_200m)], 1_150.05m, "EUR");

    public static OrderRejected Rejected(string customer, Guid? order = null) => new(Guid.CreateVersion7(), Now,
        order ?? Guid.CreateVersion7(), 2, customer, "out-of-stock", [new("TEA-1", 5, 2), new("POT-1", 1, 0)]);

    public static OrderCancelled Cancelled(string customer, Guid? order = null, string reason = "customer-request") => new(
        Guid.CreateVersion7(), Now, order ?? Guid.CreateVersion7(), 3, customer, reason, true, 9m, "EUR");

    public static OrderShipped Shipped(string customer, Guid? order = null) =>
        new(Guid.CreateVersion7(), Now, order ?? Guid.CreateVersion7(), 3, customer);

    public static CustomerBecamePreferred Preferred(string customer) => new(Guid.CreateVersion7(), Now, customer, 3);

    public static StockLevelLow StockLow(string sku = "TEA-1", int available = 3) => new(Guid.CreateVersion7(), Now, sku, 7, available, 5);

    public static IIntegrationEvent Of(string kind, string customer, Guid order) => kind switch
    {
        "confirmed" => Confirmed(customer, order),
        "rejected" => Rejected(customer, order),
        "cancelled" => Cancelled(customer, order),
        "shipped" => Shipped(customer, order),
        _ => Preferred(customer),
    };
}
