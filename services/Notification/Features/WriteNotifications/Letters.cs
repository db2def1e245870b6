using System.Globalization;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Ordering.V1;
using Shop.ServiceDefaults.Domain;

namespace Shop.Notification.Features.WriteNotifications;

/// <summary>The letter for each event.</summary>
internal static class Letters
{
    public static Letter For(OrderConfirmed e)
    {
        var sum = e.Lines.Sum(line => line.Quantity * line.UnitPrice);
        List<(string, string)> sums = [("Total", Money(e.Total, e.Currency))];
        if (sum > e.Total)
        {
            sums.Insert(0, ("Your discount", Money(e.Total - sum, e.Currency)));
        }

        return new("Your order is confirmed",
        [
            new Paragraph("Thank you for your order. Everything in it is reserved for you."),
            new Facts(Order(e.OrderId), ("Confirmed", When(e.OccurredAt))),
            new Table(["Product", "Units", "Unit price"], [.. e.Lines.Select(line => new Row(
                $"{line.Quantity} x {line.Sku} at {Money(line.UnitPrice, e.Currency)}",
                line.Sku, Units(line.Quantity), Money(line.UnitPrice, e.Currency)))], sums),
            new Paragraph("We will write again when it is on its way. Until then you can still cancel it."),
        ]);
    }

    public static Letter For(OrderRejected e) => new("We cannot fulfil your order",
    [
        new Paragraph(e.ShortLines.Count == 0
            ? "We are sorry: we cannot fulfil your order."
            : "We are sorry: we do not have enough of what you ordered."),
        .. e.ShortLines.Count == 0 ? Array.Empty<LetterPart>() :
        [
            new Table(["Product", "You asked for", "We have"], [.. e.ShortLines.Select(line => new Row(
                $"{line.Sku}: you asked for {Units(line.Asked)}, we have {Available(line.Available)}",
                line.Sku, Units(line.Asked), Available(line.Available)))], []),
        ],
        new Facts(Order(e.OrderId), ("Closed", When(e.OccurredAt))),
        new Paragraph("The order is closed, nothing is reserved and nothing is owed. You are welcome to order again with other quantities."),
    ]);

    public static Letter For(OrderCancelled e) => new("Your order is cancelled",
    [
        new Paragraph(e.Reason switch
        {
            "customer-request" => "Your order is cancelled, as you asked.",
            "not-answered" => "We are sorry: we could not find out in time whether we have what you ordered, and so your order was cancelled.",
            "reservation-expired" => "We are sorry: what you ordered could not be reserved for you any longer, and so your order was cancelled.",
            _ => "We are sorry: your order had to be cancelled.", // a reason that is newer than this version
        }),
        new Facts(Order(e.OrderId), ("Cancelled", When(e.OccurredAt)), ("Total", Money(e.Total, e.Currency))),
        new Paragraph("The order is closed. It will not be shipped and nothing is owed."
            + (e.Reason == "customer-request" ? "" : " You are welcome to order again.")),
    ]);

    public static Letter For(OrderShipped e) => new("Your order is on its way",
    [
        new Paragraph("Good news: your order has left our warehouse."),
        new Facts(Order(e.OrderId), ("Shipped", When(e.OccurredAt))),
        new Paragraph("It cannot be cancelled any more. Enjoy it!"),
    ]);

    public static Letter For(CustomerBecamePreferred e) => new("You are a preferred customer now",
    [
        new Paragraph($"Thank you for coming back. Since {When(e.OccurredAt)} you are a preferred customer: from your next order on there is "
            + "a discount on everything."),
        new Paragraph("You need not do anything: it is applied automatically."),
    ]);

    public static Letter For(StockLevelLow e) => new($"Stock is low: {e.Sku}",
    [
        new Paragraph(e.Available <= 0
            ? $"There is nothing left of {e.Sku} that could be sold."
            : $"Of {e.Sku} there {(e.Available == 1 ? "is 1 unit" : $"are {Units(e.Available)} units")} left that could be sold."),
        new Facts(("Product", e.Sku), ("Available", Units(e.Available)), ("Counts as low at", Units(e.Threshold)), ("Noticed", When(e.OccurredAt))),
        new Paragraph("This alert is sent once, and again only after the stock has been above the threshold in between."),
    ]);

    /// <summary>As in EUR 1,150.05, JPY 96 or -EUR 58.95: the same everywhere, and readable everywhere.</summary>
    internal static string Money(decimal amount, string currency) =>
        $"{(amount < 0 ? "-" : "")}{currency} {Math.Abs(amount).ToString($"N{DecimalsOf(currency)}", CultureInfo.InvariantCulture)}";

    /// <summary>As in 2 January 2026, 15:04 UTC.</summary>
    internal static string When(DateTimeOffset at) =>
        at.ToUniversalTime().ToString("d MMMM yyyy, HH:mm 'UTC'", CultureInfo.InvariantCulture);

    private static int DecimalsOf(string currency) => Iso4217.Find(currency)?.Decimals ?? 2;

    private static (string, string) Order(Guid id) => ("Order", id.ToString());

    private static string Units(int units) => units.ToString("N0", CultureInfo.InvariantCulture);

    private static string Available(int units) => units <= 0 ? "none" : Units(units);
}
