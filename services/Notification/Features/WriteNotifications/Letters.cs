using System.Globalization;
using Shop.Contracts.Ordering.V1;

namespace Shop.Notification.Features.WriteNotifications;

/// <summary>What a notification says.</summary>
internal sealed record Letter(string Subject, string Text);

/// <summary>The words for each event, as plain text. The greeting comes when it is delivered.</summary>
internal static class Texts
{
    public static Letter For(OrderConfirmed e)
    {
        var sum = e.Lines.Sum(line => line.Quantity * line.UnitPrice);
        List<string> bill = [.. e.Lines.Select(line => $"  {line.Quantity} x {line.Sku} at {Money(line.UnitPrice, e.Currency)}")];
        if (sum > e.Total)
        {
            bill.Add($"  Your discount: {Money(sum - e.Total, e.Currency)}");
        }

        bill.Add($"  Total: {Money(e.Total, e.Currency)}");
        return Write("Your order is confirmed", $"""
            Thank you for your order. Everything in it is set aside for you.

              Order {e.OrderId}
            {Lines(bill)}

            We will write again when it is on its way. Until then you can
            still cancel it.
            """);
    }

    public static Letter For(OrderRejected e)
    {
        var why = e.ShortLines.Count == 0
            ? "We are sorry: we cannot fulfil your order."
            : $"""
                We are sorry: we do not have enough of what you ordered.

                {Lines(e.ShortLines.Select(line => $"  {line.Sku}: you asked for {line.Asked}, we have {Available(line.Available)}"))}
                """;
        return Write("We cannot fulfil your order", $"""
            {why}

              Order {e.OrderId}

            The order is closed, nothing is set aside and nothing is owed.
            You are welcome to order again with other quantities.
            """);
    }

    public static Letter For(OrderCancelled e) => Write("Your order is cancelled", $"""
        {(e.Reason == "customer-request" ? "Your order is cancelled, as you asked." : "We are sorry: your order had to be cancelled.")}

          Order {e.OrderId}
          Total: {Money(e.Total, e.Currency)}

        The order is closed. It will not be shipped and nothing is owed.
        """);

    public static Letter For(OrderShipped e) => Write("Your order is on its way", $"""
        Good news: your order has left our warehouse.

          Order {e.OrderId}

        It cannot be cancelled any more. Enjoy it!
        """);

    public static Letter For(CustomerBecamePreferred _) => Write("You are a preferred customer now", """
        Thank you for coming back. You are a preferred customer now:
        from your next order on there is a discount on everything.

        You need not do anything: it is taken off by itself.
        """);

    private static Letter Write(string subject, string body) => new(subject, $"{body}\n\nYour Shop\n".ReplaceLineEndings("\n"));

    private static string Lines(IEnumerable<string> lines) => string.Join('\n', lines);

    private static string Available(int units) => units <= 0 ? "none" : units.ToString(CultureInfo.InvariantCulture);

    private static string Money(decimal amount, string currency) => string.Create(CultureInfo.InvariantCulture, $"{currency} {amount:N2}");
}
