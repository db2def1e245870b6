using System.Text;
using System.Text.RegularExpressions;

namespace Shop.Telemetry.Tests;

/// <summary>M9 holds where nobody listens: the services have no collector, and so no one records a span.</summary>
public sealed partial class WithoutCollectorTests
{
    [Fact]
    public async Task The_trace_and_the_baggage_of_a_request_go_on_to_every_event_that_it_causes_and_no_further_than_their_limits()
    {
        await using var shop = await ObservedShop.CreateAsync(collector: null);
        await shop.StartAsync();
        await shop.OfferAsync("TEA-1");
        var trace = Guid.CreateVersion7().ToString("N");

        // 29 KB, which is about what Kestrel takes as headers.
        var baggage = string.Join(',', Enumerable.Range(0, 100).Select(i => $"member-{i}={new string('x', 280)}"));
        await shop.DeliveredAsync(await shop.PlaceAsync("ada", "TEA-1", ("traceparent", $"00-{trace}-00f067aa0ba902b7-01"), ("baggage", baggage)), status: "Failed");

        string[] caused = ["ordering.order-placed.v1", "ordering.order-placed.v2", "inventory.stock-reserved.v1", "ordering.order-confirmed.v1"];
        var heard = await Eventually.IsAsync("all events of the order", () => Task.FromResult(
            shop.Wire.Heard.Where(heard => caused.Contains(heard.Name)).ToList()), heard => heard.Count == caused.Length);
        Assert.All(heard, heard =>
        {
            Assert.Equal(trace, heard.Headers["traceparent"].Split('-')[1]);
            var members = heard.Headers["baggage"].Split(',');
            Assert.InRange(Encoding.UTF8.GetByteCount(heard.Headers["baggage"]), 8_192 - 300, 8_192);
            Assert.Equal(members.Length, members.Distinct().Count());
            Assert.All(members, member => Assert.Matches(WholeMember(), member));
        });
        Assert.Single(heard.Select(heard => heard.Headers["baggage"]).Distinct());
    }

    [GeneratedRegex("^member-[0-9]+=x{280}$")]
    private static partial Regex WholeMember();
}
