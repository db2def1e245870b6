using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using Microsoft.Playwright;
using Shop.Notification.Tests;

namespace Shop.Browser.Tests;

/// <summary>
/// From "a customer says order X never came" to the cause, in three clicks at most. The seconds are printed, for the table in
/// docs/operations.md: dotnet test ... --logger "console;verbosity=detailed".
/// </summary>
public sealed class CausesTests(ShopInBrowser shop, ITestOutputHelper output) : IClassFixture<ShopInBrowser>
{
    private const string Placed = "ordering.order-placed.v2";

    [Fact]
    public async Task Stock_was_short()
    {
        using var inventory = await shop.ClientAsync("inventory", "sam", staff: true);
        using var offered = await inventory.PutAsJsonAsync("/products/RARE-1", new { name = "Rare tea", unitPrice = 9.5, currency = "EUR" });
        offered.EnsureSuccessStatusCode();
        var order = await Eventually.IsAsync("Ordering knows the product", async () =>
        {
            try
            {
                return await shop.PlaceOrderAsync("demo-customer-2", "RARE-1", 3);
            }
            catch (Xunit.Sdk.TrueException)
            {
                return "";
            }
        }, id => id.Length > 0);
        await using var asked = await Asked.StartAsync(shop, output);

        await asked.FindAsync(order, "3 of RARE-1 were asked for and 0 were available");

        asked.Print("stock was short", atMost: 1);
    }

    [Fact]
    public async Task A_consumer_failed_and_the_message_is_sent_again_when_it_is_mended()
    {
        await shop.ExecuteAsync("inventory", """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'out of order'; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON reservations FOR EACH ROW EXECUTE FUNCTION refuse();
            """);
        var order = await shop.PlaceOrderAsync("demo-customer-1", "DEMO-1", 1);
        await ReadyAsync(order, "inventory.order-placed could not handle");
        await using var asked = await Asked.StartAsync(shop, output);

        await asked.FindAsync(order, $"inventory.order-placed could not handle {Placed}");
        await asked.ClickAsync("Failed messages of inventory.order-placed", Placed);
        await asked.ClickAsync($"{Placed} ", "out of order");

        asked.Print("a consumer failed", atMost: 3);
        await shop.ExecuteAsync("inventory", "DROP TRIGGER refuse ON reservations; DROP FUNCTION refuse;");
        await asked.Page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Send again" }).ClickAsync();
        await ReadyAsync(order, "Confirmed");
    }

    [Fact]
    public async Task The_broker_refused_an_event_which_is_sent_again_or_discarded_from_the_page()
    {
        var queues = await shop.UnbindAsync(Placed);
        string order, other;
        try
        {
            order = await shop.PlaceOrderAsync("demo-customer-1", "DEMO-1", 1);
            other = await shop.PlaceOrderAsync("demo-customer-2", "DEMO-1", 1);
            await ReadyAsync(order, "is parked");
            await ReadyAsync(other, "is parked");
            await using var asked = await Asked.StartAsync(shop, output);

            await asked.FindAsync(order, $"{Placed} is parked in ordering's outbox");
            await asked.ClickAsync("Outbox of ordering", "Why:");

            asked.Print("the broker refused an event", atMost: 2);
            var card = asked.Page.Locator("article", new PageLocatorOptions { HasText = other });
            await card.GetByText("Discard it").ClickAsync();
            await card.GetByLabel("Why, for whoever finds it later").FillAsync("nobody is to have it");
            await card.GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Discard", Exact = true }).ClickAsync();
            await asked.Page.GetByText("1 event discarded.").WaitForAsync();
        }
        finally
        {
            await shop.BindAsync(Placed, queues);
        }

        var page = await shop.OpenAsync();
        await ShopInBrowser.SignInAsync(page, "grace");
        await page.GotoAsync("/outbox/ordering");
        var parked = page.Locator("article", new PageLocatorOptions { HasText = order });
        if (await parked.CountAsync() > 0) // otherwise the relay was faster than the person
        {
            await parked.GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Send again now" }).ClickAsync();
        }

        await ReadyAsync(order, "Confirmed");
        await page.GotoAsync("/failed");
        var trail = page.GetByRole(AriaRole.Table, new PageGetByRoleOptions { Name = "The audit trail" });
        await trail.GetByRole(AriaRole.Cell, new LocatorGetByRoleOptions { Name = "nobody is to have it" }).First.WaitForAsync();
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task The_mail_was_refused()
    {
        shop.Mail.Mood = SmtpBehavior.Reject;
        var order = await shop.PlaceOrderAsync("demo-customer-3", "DEMO-1", 1);
        await ReadyAsync(order, "was not delivered");
        shop.Mail.Mood = SmtpBehavior.Accept;
        await using var asked = await Asked.StartAsync(shop, output);

        await asked.FindAsync(order, "was not delivered after 1 attempt: smtp-550");

        asked.Print("the mail was refused", atMost: 1);
    }

    [Fact]
    public async Task It_still_waits()
    {
        await shop.SignalAsync("inventory", "STOP");
        try
        {
            var order = await shop.PlaceOrderAsync("demo-customer-1", "DEMO-1", 1);
            await using var asked = await Asked.StartAsync(shop, output);

            await asked.FindAsync(order, "Inventory has not answered");
            await asked.ClickAsync("inventory on the overview", "inventory is unknown: it does not answer");

            asked.Print("it still waits", atMost: 2);
        }
        finally
        {
            await shop.SignalAsync("inventory", "CONT");
        }
    }

    /// <summary>Until the shop is where the story begins.</summary>
    private Task ReadyAsync(string order, string says) => Eventually.HoldsAsync($"the order {says}", async () =>
        (await shop.Shop.CliAsync("journey", order)).Output.Contains(says, StringComparison.Ordinal));

    /// <summary>What a person does who is asked, counted and timed from the overview on.</summary>
    private sealed class Asked : IAsyncDisposable
    {
        private readonly ITestOutputHelper _output;
        private readonly Stopwatch _since = new();
        private int _clicks;

        private Asked(IPage page, ITestOutputHelper output) => (Page, _output) = (page, output);

        public IPage Page { get; }

        public static async Task<Asked> StartAsync(ShopInBrowser shop, ITestOutputHelper output)
        {
            var page = await shop.OpenAsync();
            await ShopInBrowser.SignInAsync(page, "grace");
            return new Asked(page, output);
        }

        public async Task FindAsync(string order, string says)
        {
            _since.Start();
            await Page.GetByRole(AriaRole.Searchbox, new PageGetByRoleOptions { Name = "Order, event or trace id" }).FillAsync(order);
            await Page.Keyboard.PressAsync("Enter");
            _clicks++;
            await Page.GetByText(says).First.WaitForAsync();
        }

        public async Task ClickAsync(string link, string says)
        {
            await Page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = link }).First.ClickAsync();
            _clicks++;
            await Page.GetByText(says).First.WaitForAsync();
        }

        public void Print(string cause, int atMost)
        {
            _since.Stop();
            _output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {cause} | {_clicks} | {_since.Elapsed.TotalSeconds:0.0} s |"));
            Assert.InRange(_clicks, 1, atMost);
        }

        public async ValueTask DisposeAsync() => await Page.Context.CloseAsync();
    }
}
