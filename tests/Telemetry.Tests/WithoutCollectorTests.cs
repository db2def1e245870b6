using System.Text;
using System.Text.RegularExpressions;

namespace Shop.Telemetry.Tests;

/// <summary>M9 holds without a collector, where no span is recorded.</summary>
public sealed partial class WithoutCollectorTests
{
    [Fact]
    public async Task Trace_and_baggage_of_a_request_are_propagated_to_its_events_within_their_limits()
    {
        await using var shop = await ObservedShop.CreateAsync(collector: null);
        await shop.StartAsync();
        await shop.OfferAsync("TEA-1");
        var trace = Guid.CreateVersion7().ToString("N");

        // 29 KB, close to Kestrel's limit for headers.
        var baggage = string.Join(',', Enumerable.Range(0, 100).Select(i => $"member-{i}={new string('x', 280)}"));
        await shop.DeliveredAsync(await shop.PlaceAsync("ada", "TEA-1", ("traceparent", $"00-{trace}-00f067aa0ba902b7-01"), ("baggage", baggage)), status: "Failed");

        string[] caused = ["ordering.order-placed.v1", "ordering.order-placed.v2", "inventory.stock-reserved.v1", "ordering.order-confirmed.v1"];
        var received = await Eventually.IsAsync("all events of the order", () => Task.FromResult(
            shop.Wire.Received.Where(received => caused.Contains(received.Name)).ToList()), received => received.Count == caused.Length);
        Assert.All(received, received =>
        {
            Assert.Equal(trace, received.Headers["traceparent"].Split('-')[1]);
            var members = received.Headers["baggage"].Split(',');
            Assert.InRange(Encoding.UTF8.GetByteCount(received.Headers["baggage"]), 8_192 - 300, 8_192);
            Assert.Equal(members.Length, members.Distinct().Count());
            Assert.All(members, member => Assert.Matches(WholeMember(), member));
        });
        Assert.Single(received.Select(received => received.Headers["baggage"]).Distinct());
    }

    [GeneratedRegex("^member-[0-9]+=x{280}$")]
    private static partial Regex WholeMember();
}
