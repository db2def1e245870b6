using System.Diagnostics;
using System.Net.Http.Json;
using Microsoft.Playwright;

namespace Shop.Browser.Tests;

/// <summary>What staff do: find an order, mend what failed, see what has stopped.</summary>
public sealed class StoriesTests(ShopInBrowser shop) : IClassFixture<ShopInBrowser>
{
    [Fact]
    public async Task An_order_is_followed_from_the_request_to_the_mail_on_one_page()
    {
        var order = await shop.PlaceOrderAsync("demo-customer-1", "DEMO-1", 1);
        var (_, journey) = await shop.Shop.CliAsync("journey", order, "--wait", "60");
        Assert.Contains("Nothing is missing.", journey, StringComparison.Ordinal);
        var page = await shop.OpenAsync();
        await ShopInBrowser.SignInAsync(page);

        await page.GetByRole(AriaRole.Searchbox, new PageGetByRoleOptions { Name = "Order, event or trace id" }).FillAsync(order);
        await page.Keyboard.PressAsync("Enter");

        await page.GetByText("Confirmed; it is not shipped yet. The customer was notified.").WaitForAsync();
        foreach (var step in (string[])["placed by customer demo-customer-1", "committed with OrderStatusChanged", "published ordering.order-placed.v2", "order-placed received ordering.order-placed.v2",
            "new in the inbox", "reserved 1 x DEMO-1", "confirmed by event", "delivered \"Your order is confirmed\""])
        {
            await page.GetByRole(AriaRole.Cell, new PageGetByRoleOptions { Name = step }).First.WaitForAsync();
        }

        // By one of its events and by its trace it is the same page.
        var trace = await page.Locator("dt:text-is('Trace') + dd code").TextContentAsync();
        await page.GotoAsync($"/journey?q={trace}");
        await page.GetByRole(AriaRole.Heading, new PageGetByRoleOptions { Name = $"Order {order}" }).WaitForAsync();
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task A_dead_letter_is_read_sent_again_and_discarded_from_the_page_and_the_trail_says_by_whom()
    {
        await shop.PublishJunkAsync("ordering.product-prices");
        var page = await shop.OpenAsync();
        await ShopInBrowser.SignInAsync(page, "grace");
        await page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "Failed messages of ordering.product-prices" }).ClickAsync();
        await page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "of unknown type" }).First.ClickAsync();
        await page.GetByText("junk", new PageGetByTextOptions { Exact = true }).WaitForAsync();

        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Send again" }).ClickAsync();
        await page.GetByText("1 message sent again.").WaitForAsync();

        // It fails again, and is discarded.
        await Eventually.HoldsAsync("it is back", async () =>
        {
            await page.GotoAsync("/failed/ordering.product-prices");
            return await page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "of unknown type" }).CountAsync() > 0;
        });
        await page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "of unknown type" }).First.ClickAsync();
        await page.GetByText("Discard it").ClickAsync();
        await page.GetByLabel("Why, for whoever finds it later").FillAsync("a test of the console");
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Discard", Exact = true }).ClickAsync();
        await page.GetByText("1 message discarded").WaitForAsync();

        await page.GotoAsync("/failed");
        var trail = page.GetByRole(AriaRole.Table, new PageGetByRoleOptions { Name = "The audit trail" });
        await trail.GetByRole(AriaRole.Cell, new LocatorGetByRoleOptions { Name = "a test of the console" }).First.WaitForAsync();
        Assert.Contains("grace", await trail.TextContentAsync(), StringComparison.Ordinal);
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task A_group_is_sent_again_at_a_rate_and_can_be_cancelled()
    {
        for (var i = 0; i < 12; i++)
        {
            await shop.PublishJunkAsync("notification.staff-notifications");
        }

        var page = await shop.OpenAsync();
        await ShopInBrowser.SignInAsync(page, "grace");
        await Eventually.HoldsAsync("all are dead letters", async () =>
        {
            await page.GotoAsync("/failed/notification.staff-notifications");
            return await page.GetByText("12 messages").CountAsync() > 0;
        });
        await page.GetByLabel("At most per second").FillAsync("1");
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Send all again" }).ClickAsync();
        await page.GetByText("running").First.WaitForAsync();

        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Cancel" }).ClickAsync();

        await page.GetByText("cancelled by grace").First.WaitForAsync();
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task A_consumer_that_has_stopped_is_on_the_overview_within_five_seconds_with_what_to_do()
    {
        var page = await shop.OpenAsync();
        await ShopInBrowser.SignInAsync(page);
        await page.GetByText("Queues").First.WaitForAsync();

        await shop.SignalAsync("inventory", "STOP");
        var stopped = Stopwatch.StartNew();
        try
        {
            await page.GetByText("inventory is unknown: it does not answer").First.WaitForAsync();
            Assert.InRange(stopped.Elapsed.TotalSeconds, 0, 5);
            await page.GetByText("Start it again, or read its log.").WaitForAsync();
            await page.GetByRole(AriaRole.Region, new PageGetByRoleOptions { Name = "Queues of ordering" }).WaitForAsync();
        }
        finally
        {
            await shop.SignalAsync("inventory", "CONT");
        }

        await page.GetByRole(AriaRole.Region, new PageGetByRoleOptions { Name = "Queues of inventory" }).WaitForAsync();
        await page.Context.CloseAsync();
    }
}
