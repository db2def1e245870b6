using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Playwright;
using Shop.EndToEnd.Tests;
using Shop.Notification.Tests;

namespace Shop.Browser.Tests;

/// <summary>One shop with some orders, and the system's Chromium, for all tests.</summary>
public sealed class ShopInBrowser : IAsyncLifetime
{
    private static readonly string[] s_arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];

    private readonly RunningShop _shop = new();
    private IPlaywright? _playwright;
    private IBrowser? _browser;

    internal RunningShop Shop => _shop;

    /// <summary>Where the shop's mails go.</summary>
    internal SmtpListener Mail { get; } = new();

    public async ValueTask InitializeAsync()
    {
        _shop.Settings["Email__PickupDirectory"] = "";
        _shop.Settings["Email__Host"] = "127.0.0.1";
        _shop.Settings["Email__Port"] = $"{Mail.Port}";
        _shop.Settings["Email__Tls"] = "None";
        _shop.Settings["Messaging__RetryDelays__0"] = "00:00:00.200"; // a dead letter at once, and not after 13 minutes
        await _shop.StartAsync();
        var (exitCode, output) = await _shop.CliAsync("demo", "--orders", "12", "--rate", "6", "--seed", "20261128", "--timeout", "600");
        Assert.True(exitCode == 0, output);
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions { ExecutablePath = "/usr/bin/chromium", Args = s_arguments });
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
        {
            await _browser.CloseAsync();
        }

        _playwright?.Dispose();
        await _shop.DisposeAsync();
        await Mail.DisposeAsync();
    }

    /// <summary>Where a service listens.</summary>
    public Uri AddressOf(string service)
    {
        var state = JsonDocument.Parse(File.ReadAllText(Path.Combine(_shop.Home, "state.json"))).RootElement;
        return new Uri(state.GetProperty("services").EnumerateArray().Single(one => one.GetProperty("name").GetString() == service).GetProperty("url").GetString()!);
    }

    /// <summary>A window of its own: nobody is signed in there yet.</summary>
    public async Task<IPage> OpenAsync(int width = 1440, ColorScheme scheme = ColorScheme.Light, bool script = true)
    {
        var context = await _browser!.NewContextAsync(new BrowserNewContextOptions
        {
            BaseURL = AddressOf("console").GetLeftPart(UriPartial.Authority),
            ViewportSize = new ViewportSize { Width = width, Height = 900 },
            ColorScheme = scheme,
            JavaScriptEnabled = script,
        });
        context.SetDefaultTimeout(60_000);
        return await context.NewPageAsync();
    }

    public static async Task SignInAsync(IPage page, string name = "ada")
    {
        await page.GotoAsync("/");
        await page.GetByLabel("Name").FillAsync(name);
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Sign in" }).ClickAsync();
        await page.GetByRole(AriaRole.Heading, new PageGetByRoleOptions { Name = "Overview" }).WaitForAsync();
    }

    /// <summary>A client of a service, as a person.</summary>
    public async Task<HttpClient> ClientAsync(string service, string who, bool staff = false)
    {
        var (_, token) = await _shop.CliAsync(staff ? ["token", who, "--staff"] : ["token", who]);
        return new HttpClient
        {
            BaseAddress = AddressOf(service),
            DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", token.Trim()) },
        };
    }

    /// <summary>A customer places an order; its id.</summary>
    public async Task<string> PlaceOrderAsync(string customer, string sku, int quantity)
    {
        using var ordering = await ClientAsync("ordering", customer);
        ordering.DefaultRequestHeaders.Add("Idempotency-Key", Guid.CreateVersion7().ToString());
        using var answer = await ordering.PostAsJsonAsync("/orders", new { lines = new[] { new { sku, quantity } } });
        var body = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, body);
        return JsonDocument.Parse(body).RootElement.GetProperty("id").GetString()!;
    }

    /// <summary>Publishes a message that no consumer can read, to a queue.</summary>
    public async Task PublishJunkAsync(string queue)
    {
        using var broker = await BrokerAsync();
        using var content = JsonContent.Create(new
        {
            properties = new { message_id = $"junk-{Guid.CreateVersion7():N}" },
            routing_key = queue,
            payload = "junk",
            payload_encoding = "string",
        });
        await content.LoadIntoBufferAsync();
        using var answer = await broker.PostAsync("api/exchanges/shop/amq.default/publish", content);
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>Takes an event's queues away, or binds them again, as a mistake in the topology does.</summary>
    public async Task<IReadOnlyList<string>> UnbindAsync(string exchange)
    {
        using var broker = await BrokerAsync();
        var bindings = (await broker.GetFromJsonAsync<JsonElement>($"api/exchanges/shop/{exchange}/bindings/source")).EnumerateArray()
            .Select(binding => binding.GetProperty("destination").GetString()!).ToList();
        foreach (var queue in bindings)
        {
            using var answer = await broker.DeleteAsync($"api/bindings/shop/e/{exchange}/q/{queue}/~");
            answer.EnsureSuccessStatusCode();
        }

        return bindings;
    }

    public async Task BindAsync(string exchange, IEnumerable<string> queues)
    {
        using var broker = await BrokerAsync();
        foreach (var queue in queues)
        {
            using var content = JsonContent.Create(new { routing_key = "" });
            await content.LoadIntoBufferAsync();
            using var answer = await broker.PostAsync($"api/bindings/shop/e/{exchange}/q/{queue}", content);
            answer.EnsureSuccessStatusCode();
        }
    }

    /// <summary>Runs a statement in a service's database.</summary>
    public async Task ExecuteAsync(string service, string sql)
    {
        await using var connection = await _shop.ConnectAsync($"{service}-db");
        await using var command = new Npgsql.NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private async Task<HttpClient> BrokerAsync()
    {
        var ports = JsonDocument.Parse(_shop.Ports()).RootElement;
        var password = (await File.ReadAllTextAsync(Path.Combine(_shop.Home, "secrets", "rabbitmq-admin-password"))).Trim();
        var broker = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{ports.GetProperty("rabbitmq-management").GetInt32()}/") };
        broker.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic",
            Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes($"shop-admin:{password}")));
        return broker;
    }

    /// <summary>Stops a service's process where it is, or lets it go on.</summary>
    internal async Task SignalAsync(string service, string signal)
    {
        var pid = (await _shop.StatusAsync()).Single(part => part.Name == service).Pid!.Value;
        using var kill = Process.Start("kill", [$"-{signal}", $"{pid}"]);
        await kill.WaitForExitAsync();
    }
}
