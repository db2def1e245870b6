using System.Net;
using System.Text.Json;
using Shop.Operations.Journey;

namespace Shop.Console.Tests;

/// <summary>What people type, and an order of which a service says nothing.</summary>
public sealed class JourneyTests
{
    private const string Order = "019a3c1e-7d52-7c11-b2a5-3f0e9c4d8a61";
    private const string Trace = "0af7651916cd43dd8448eb211c80319c";
    private static readonly DateTimeOffset s_start = new(2026, 11, 28, 10, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData($"  {Order} ")]
    [InlineData("019A3C1E-7D52-7C11-B2A5-3F0E9C4D8A61")]
    [InlineData("019a3c1e7d527c11b2a53f0e9c4d8a61")]
    [InlineData($"#{Order}")]
    [InlineData($"Where is my order {Order}? It never came.")]
    [InlineData($"/orders/{Order}/")]
    [InlineData($"https://console.example/journey?q={Order}")]
    [InlineData($"00-{Trace}-b7ad6b7169203331-01")]
    [InlineData("0AF7651916CD43DD8448EB211C80319C")]
    public async Task An_order_is_found_by_what_people_paste(string words)
    {
        await using var console = await ConsoleApp.StartAsync();
        await console.SignInAsync();
        Ordering(console);
        Analytics(console);

        var page = await console.PageAsync($"/journey?q={Uri.EscapeDataString(words)}");

        Assert.Contains($"<h1>Order {Order}</h1>", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("000123")]
    [InlineData("<script>alert(1)</script>")]
    [InlineData("019a3c1e-7d52-7c11-b2a5")]
    [InlineData("' OR 1=1 --")]
    public async Task What_has_no_id_is_said_and_asks_nobody(string words)
    {
        await using var console = await ConsoleApp.StartAsync();
        await console.SignInAsync();

        var page = await console.PageAsync($"/journey?q={Uri.EscapeDataString(words)}");
        var much = await console.PageAsync($"/journey?q={new string('x', 7_000)}");

        Assert.Contains($"&#x27;{System.Text.Encodings.Web.HtmlEncoder.Default.Encode(words)}&#x27; has no id", page, StringComparison.Ordinal);
        Assert.Contains($"{new string('x', 60)}...", much, StringComparison.Ordinal);
        Assert.All(console.Services.Values, service => Assert.Empty(service.Requests));
    }

    [Fact]
    public async Task Without_Analytics_an_order_is_found_and_what_is_no_order_is_not_said_to_be_nothing()
    {
        await using var console = await ConsoleApp.StartAsync();
        await console.SignInAsync();
        Ordering(console);
        await console.Services["analytics"].DisposeAsync();

        Assert.Contains($"<h1>Order {Order}</h1>", await console.PageAsync($"/journey?q={Order}"), StringComparison.Ordinal);
        var none = await console.PageAsync($"/journey?q={Trace}");
        Assert.Contains("Analytics is unknown: it does not answer, so that it may be the id of an event or a trace.", none, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_Ordering_what_the_others_know_is_shown()
    {
        await using var console = await ConsoleApp.StartAsync();
        await console.SignInAsync();
        Analytics(console);
        console.Services["notification"].Answer("/notifications", Page(new Message(Guid.Empty, "alice", "email", "Your order is confirmed", "delivered", 1, null, s_start, s_start)));
        console.Services["inventory"].Answer("/products/TEA-1/movements", Page(new { kind = "reserved", quantity = 2, orderId = Order, at = s_start }));
        await console.Services["ordering"].DisposeAsync();

        var page = await console.PageAsync($"/journey?q={Order}");

        foreach (var text in (string[])["Ordering does not answer, so its state is unknown.", "what ordering knows of it: it does not answer",
            "reserved 2 x TEA-1", "delivered &quot;Your order is confirmed&quot;", "logged ordering.order-placed.v2"])
        {
            Assert.Contains(text, page, StringComparison.Ordinal);
        }

        using var unknown = await console.Http.GetAsync(new Uri($"/journey?q={Guid.CreateVersion7()}", UriKind.Relative));
        Assert.Equal(HttpStatusCode.OK, unknown.StatusCode);
    }

    private static void Ordering(ConsoleApp console)
    {
        console.Services["ordering"].Answer($"/orders/{Order}", new OrderSummary(Guid.Parse(Order), "confirmed", [new OrderSummary.Line("TEA-1", 2)], 9, "EUR", s_start, 2));
        console.Services["ordering"].Answer($"/orders/{Order}/history", Page(new HistoryEntry(1, null, "placed", null, "customer", "alice", s_start)));
    }

    private static void Analytics(ConsoleApp console) => console.Services["analytics"].Answer("/analytics/events", Page(new LoggedEvent(
        Guid.CreateVersion7(), s_start, "ordering.order-placed.v2", 1, s_start, Order, Trace, JsonSerializer.SerializeToElement(new { lines = new[] { new { sku = "TEA-1", quantity = 2 } } }))));

    private static object Page<T>(T item) => new { items = new[] { item }, nextCursor = (string?)null };
}
