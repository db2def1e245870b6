using System.Reflection;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Ordering.V1;
using Shop.Messaging;

namespace Shop.Analytics.Tests;

/// <summary>Events as other services publish them.</summary>
internal static class Samples
{
    /// <summary>One event of every type that the contracts have, whatever they have.</summary>
    public static IReadOnlyList<IIntegrationEvent> OneOfEach(DateTimeOffset at) =>
        [.. ShopEvents.Catalog.Names.Select(name => (IIntegrationEvent)Make(ShopEvents.Catalog.TypeOf(name)!, "", at)!)];

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

    /// <summary>All events of one order as they might happen, over a few days, skus and currencies.</summary>
    public static IEnumerable<IIntegrationEvent> Story(Random random, DateTimeOffset at)
    {
        var (order, currency) = (Guid.CreateVersion7(), random.Next(3) == 0 ? "CHF" : "EUR");
        var lines = Enumerable.Range(1, random.Next(1, 4))
            .Select(sku => new OrderConfirmed.Line($"TEA-{sku + random.Next(3) * 3}", random.Next(1, 5), random.Next(1, 1000) / 100m)).ToList();
        var total = lines.Sum(line => line.Quantity * line.UnitPrice);
        yield return Placed(order, at, total, currency);
        var answered = at.AddMilliseconds(random.Next(1, 5_000));
        if (random.Next(4) == 0)
        {
            StockReservationFailed.ShortLine[] missing = [.. lines.Select(line => new StockReservationFailed.ShortLine(line.Sku, line.Quantity, line.Quantity - 1))];
            yield return Short(order, answered, missing);
            yield return new OrderRejected(Guid.CreateVersion7(), answered.AddMilliseconds(1), order, 2, "ada",
                random.Next(3) == 0 ? "unknown-product" : "out-of-stock", [.. missing.Select(l => new OrderRejected.ShortLine(l.Sku, l.Asked, l.Available))]);
            yield break;
        }

        yield return new OrderConfirmed(Guid.CreateVersion7(), answered, order, 2, "ada", lines, total, currency);
        yield return Low(lines[0].Sku, answered);
        yield return random.Next(3) == 0
            ? Cancelled(order, answered.AddHours(random.Next(48)), total, wasConfirmed: true, currency)
            : Shipped(order, answered.AddMinutes(random.Next(1, 500)));
    }

    private static object? Make(Type type, string name, DateTimeOffset at) => type switch
    {
        _ when Nullable.GetUnderlyingType(type) is not null => null,
        _ when type == typeof(Guid) => Guid.CreateVersion7(),
        _ when type == typeof(DateTimeOffset) => at,
        _ when type == typeof(string) => name switch { "Currency" => "XTS", "Reason" or "Channel" => "a-code", _ => $"a {name}" },
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
