using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace Shop.Browser.Tests;

/// <summary>Every page in a real browser: light and dark, narrow and wide, with and without scripts, for everybody.</summary>
public sealed class PagesTests(ShopInBrowser shop) : IClassFixture<ShopInBrowser>
{
    private static readonly string[] s_paths = ["/", "/journey", "/failed", "/outbox/ordering", "/contracts", "/contracts/ordering.order-placed.v2", "/invariants", "/dashboard"];

    public static TheoryData<int, ColorScheme, bool> Windows => new()
    {
        { 1440, ColorScheme.Light, true },
        { 1440, ColorScheme.Dark, true },
        { 360, ColorScheme.Light, true },
        { 360, ColorScheme.Dark, true },
        { 1440, ColorScheme.Light, false },
    };

    [Theory]
    [MemberData(nameof(Windows))]
    public async Task Every_page_fits_its_window_breaks_no_policy_and_is_accessible(int width, ColorScheme scheme, bool script)
    {
        var order = await shop.PlaceOrderAsync("demo-customer-1", "DEMO-1", 1);
        var page = await shop.OpenAsync(width, scheme, script);
        List<string> console = [];
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning")
            {
                console.Add($"{page.Url}: {message.Text}");
            }
        };
        await ShopInBrowser.SignInAsync(page);
        foreach (var path in s_paths.Append($"/journey?q={order}"))
        {
            await page.GotoAsync(path);
            Assert.Equal(1, await page.GetByRole(AriaRole.Heading, new PageGetByRoleOptions { Level = 1 }).CountAsync());
            if (script)
            {
                Assert.True(await page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= innerWidth"), $"{path} is wider than {width}");
                var findings = (await page.RunAxe()).Violations.Where(finding => finding.Impact is "serious" or "critical");
                Assert.Empty(findings.SelectMany(finding => finding.Nodes.Select(node => $"{path}: {finding.Id}: {node.Html}")));
            }
        }

        Assert.Empty(console);
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task Without_signing_in_each_page_leads_to_the_form_and_back()
    {
        foreach (var path in s_paths)
        {
            var page = await shop.OpenAsync(script: false);
            await page.GotoAsync(path);
            await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Sign in" }).ClickAsync();
            Assert.Equal(path, new Uri(page.Url).AbsolutePath);
            await page.Context.CloseAsync();
        }
    }

    [Fact]
    public async Task By_keyboard_the_content_is_one_step_away_and_the_focus_is_seen()
    {
        var page = await shop.OpenAsync();
        await ShopInBrowser.SignInAsync(page);
        await page.GotoAsync("/failed");
        await page.Keyboard.PressAsync("Tab");
        Assert.Equal("Skip to the content", await page.EvaluateAsync<string>("document.activeElement.textContent"));
        Assert.NotEqual("none", await page.EvaluateAsync<string>("getComputedStyle(document.activeElement).outlineStyle"));
        await page.Keyboard.PressAsync("Enter");
        Assert.Equal("main", await page.EvaluateAsync<string>("document.activeElement.id"));
        await page.Context.CloseAsync();
    }

    /// <summary>The negative control of the sweep: axe finds what is wrong, on these pages too.</summary>
    [Fact]
    public async Task A_page_that_is_not_accessible_is_found()
    {
        var page = await shop.OpenAsync();
        await ShopInBrowser.SignInAsync(page);
        await page.EvaluateAsync("document.querySelector('main').insertAdjacentHTML('beforeend', '<img src=\"/icon.svg\"><input>')");

        var findings = (await page.RunAxe()).Violations.Where(finding => finding.Impact is "serious" or "critical").Select(finding => finding.Id).ToList();

        Assert.Contains("image-alt", findings);
        Assert.Contains("label", findings);
        await page.Context.CloseAsync();
    }
}
