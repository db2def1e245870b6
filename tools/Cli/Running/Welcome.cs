namespace Shop.Cli.Running;

/// <summary>Where everything is and what to do first, once everything is healthy.</summary>
internal static class Welcome
{
    public static async Task WriteAsync(CancellationToken ct)
    {
        await StatusCommand.ShowAsync(json: false, ct);
        Console.WriteLine($"""

            Open {Staff.AddressOf("console").GetLeftPart(UriPartial.Authority)}: where an event is, what failed, the shop's day.

            Try:

              TOKEN=$(./shop token alice)
              curl -H "Authorization: Bearer $TOKEN" {Staff.AddressOf("inventory").GetLeftPart(UriPartial.Authority)}/products

            """);
    }
}
