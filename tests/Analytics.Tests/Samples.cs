using System.Reflection;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Ordering.V1;

namespace Shop.Analytics.Tests;

/// <summary>Events as other services publish them.</summary>
internal static class Samples
{
    /// <summary>One event of every type that the contracts have, whatever they have.</summary>
    public static IReadOnlyList<IIntegrationEvent> OneOfEach(DateTimeOffset at) =>
        [.. EventCatalog.Names.Select(name => (IIntegrationEvent)Make(EventCatalog.TypeOf(name)!, "", at)!)];

    public static OrderPlaced Placed(Guid order, DateTimeOffset at, decimal total, string currency = "EUR") =>
        new(Guid.CreateVersion7(), at, order, 1, "ada", [new("TEA-1", 2, total / 2)], 0, total, currency);

    public static OrderConfirmed Confirmed(Guid order, DateTimeOffset at, decimal total, string currency = "EUR", int units = 2) =>
        new(Guid.CreateVersion7(), at, order, 2, "ada", [new("TEA-1", units - 1, 1), new("TEA-2", 1, 1)], total, currency);

    public static OrderRejected Rejected(Guid order, DateTimeOffset at, params OrderRejected.ShortLine[] lines) =>
        new(Guid.CreateVersion7(), at, order, 2, "ada", "out-of-stock", lines is [] ? [new("TEA-1", 2, 1)] : lines);

    public static StockReservationFailed Short(Guid order, DateTimeOffset at, params StockReservationFailed.ShortLine[] lines) =>
        new(Guid.CreateVersion7(), at, order, 1, lines);

    public static StockLevelLow Low(string sku, DateTimeOffset at) => new(Guid.CreateVersion7(), at, sku, 1, 1, 5);

    public static OrderCancelled Cancelled(
        Guid order, DateTimeOffset at, decimal total, bool wasConfirmed, string currency = "EUR") =>
        new(Guid.CreateVersion7(), at, order, 3, "ada", "customer-request", wasConfirmed, total, currency);

    public static OrderShipped Shipped(Guid order, DateTimeOffset at) => new(Guid.CreateVersion7(), at, order, 3, "ada");

    private static object? Make(Type type, string name, DateTimeOffset at) => type switch
    {
        _ when Nullable.GetUnderlyingType(type) is not null => null,
        _ when type == typeof(Guid) => Guid.CreateVersion7(),
        _ when type == typeof(DateTimeOffset) => at,
        _ when type == typeof(string) => name == "Currency" ? "XTS" : $"a {name}",
        _ when type == typeof(int) => 1,
        _ when type == typeof(decimal) => 1.25m,
        _ when type == typeof(bool) => false,
        { IsEnum: true } => Enum.GetValues(type).GetValue(0),
        { IsInterface: true, IsGenericType: true } => ListOf(Make(type.GenericTypeArguments[0], name, at)!),
        _ => MakeRecord(type, at),
    };

    private static object MakeRecord(Type type, DateTimeOffset at)
    {
        var constructor = type.GetConstructors(BindingFlags.Public | BindingFlags.Instance).MaxBy(c => c.GetParameters().Length)!;
        return constructor.Invoke([.. constructor.GetParameters().Select(parameter => Make(parameter.ParameterType, parameter.Name!, at))]);
    }

    private static Array ListOf(object item)
    {
        var list = Array.CreateInstance(item.GetType(), 1);
        list.SetValue(item, 0);
        return list;
    }
}
