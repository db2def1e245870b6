using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Shop.Analytics.Features.Funnel;
using Shop.Inventory.Features.OfferProduct;
using Shop.Notification.Features.PutContact;
using Shop.Ordering.Features.PlaceOrder;

namespace Shop.Telemetry.Tests;

/// <summary>The four services as separate processes, with or without a collector for their telemetry.</summary>
internal sealed class ObservedShop : IAsyncDisposable
{
    private readonly TestVirtualHost _broker;
    private readonly Dictionary<string, TestDatabase> _databases = [];
    private readonly Dictionary<string, ServiceProcess> _running = [];
    private readonly Dictionary<string, Func<Task<ServiceProcess>>> _starts = [];
    private readonly DirectoryInfo _mail = Directory.CreateTempSubdirectory("shop-mail-");
    private readonly Uri? _collector;

    private ObservedShop(TestVirtualHost broker, EventWire wire, Uri? collector) => (_broker, Wire, _collector) = (broker, wire, collector);

    /// <summary>Receives every event of every service.</summary>
    public EventWire Wire { get; }

    public TestVirtualHost Broker => _broker;

    public IReadOnlyDictionary<string, TestDatabase> Databases => _databases;

    public static async Task<ObservedShop> CreateAsync(Uri? collector)
    {
        var broker = await TestServers.CreateVirtualHostAsync("shop");
        await broker.LoadTopologyAsync("nobody"); // every event's exchange; each service's own is loaded with it
        var shop = new ObservedShop(broker, await EventWire.ConnectAsync(broker, ""), collector);
        await shop.AddAsync<OfferProductRequest>();
        await shop.AddAsync<PlaceOrderRequest>();
        await shop.AddAsync<PutContactRequest>();
        await shop.AddAsync<FunnelResponse>();
        return shop;
    }

    /// <summary>Starts all services, or only those that are named.</summary>
    public async Task StartAsync(params IReadOnlyCollection<string> only)
    {
        var started = await Task.WhenAll(_starts.Where(start => only.Count == 0 || only.Contains(start.Key)).Select(async start => (start.Key, Process: await start.Value())));
        foreach (var (name, process) in started)
        {
            _running[name] = process;
        }
    }

    /// <summary>Stops all of them as an orchestrator does. Each has sent all of its telemetry then.</summary>
    public async Task StopAsync()
    {
        await Task.WhenAll(_running.Values.Select(process => process.StopAsync()));
        _running.Clear();
    }

    public HttpClient Client(string service, string? token = null) => _running[service].Client(token);

    /// <summary>A product with a price in Ordering and units to reserve.</summary>
    public async Task OfferAsync(string sku)
    {
        using var staff = Client("inventory", TestTokens.Staff());
        using var offered = await staff.PutAsJsonAsync($"/products/{sku}", new { name = sku, unitPrice = 4.5m, currency = "EUR" });
        offered.EnsureSuccessStatusCode();
        using var received = await staff.PostAsJsonAsync($"/products/{sku}/receipts", new { quantity = 1_000 });
        received.EnsureSuccessStatusCode();
        await Eventually.HoldsAsync("Ordering knows the price", async () =>
            await _databases["ordering"].ScalarAsync<long>($"SELECT count(*) FROM products WHERE sku = '{sku}' AND price_version > 0") == 1);
    }

    /// <summary>A customer who can be written to.</summary>
    public async Task PutContactAsync(string customer)
    {
        using var client = Client("notification", TestTokens.Customer(customer));
        using var put = await client.PutAsJsonAsync("/contacts/me", new { name = customer, email = $"{customer}@example.com" });
        put.EnsureSuccessStatusCode();
    }

    public async Task<Guid> PlaceAsync(string customer, string sku, params IEnumerable<(string Name, string Value)> headers)
    {
        using var client = Client("ordering", TestTokens.Customer(customer));
        using var request = new HttpRequestMessage(HttpMethod.Post, "/orders") { Content = JsonContent.Create(new { lines = new[] { new { sku, quantity = 2 } } }) };
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using var answer = await client.SendAsync(request);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        return (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetGuid();
    }

    public Task DeliveredAsync(Guid order, string status = "Delivered") => Eventually.HoldsAsync("the notification was delivered", async () =>
        await _databases["notification"].ScalarAsync<long>($"SELECT count(*) FROM notifications WHERE order_id = '{order}' AND status = '{status}'") >= 1);

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _running.Values)
        {
            await process.DisposeAsync();
        }

        await Wire.DisposeAsync();
        await _broker.DisposeAsync();
        foreach (var database in _databases.Values)
        {
            await database.DisposeAsync();
        }

        _mail.Delete(recursive: true);
    }

    private async Task AddAsync<TProgram>()
        where TProgram : class
    {
        var service = ServiceInstance.NameOf<TProgram>();
        var database = _databases[service] = await MigratedDatabases.CreateAsync<TProgram>();
        await _broker.LoadTopologyAsync(service);
        var settings = ServiceInstance.Settings(database.RuntimeConnectionString, _broker.UriOf(service));
        settings["Email:PickupDirectory"] = _mail.FullName;
        settings["Logging:LogLevel:Shop"] = "Debug";
        settings["Messaging:ConsumeBatchSize"] = "1"; // what is together in a batch depends on the moment
        settings["Ordering:SweepInterval"] = settings["Inventory:SweepInterval"] = settings["Ordering:WatchInterval"] = "00:00:00.100";
        if (_collector is not null)
        {
            settings["OTEL_EXPORTER_OTLP_ENDPOINT"] = _collector.AbsoluteUri;
            settings["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf";
            settings["OTEL_BSP_SCHEDULE_DELAY"] = settings["OTEL_BLRP_SCHEDULE_DELAY"] = "200";
            settings["OTEL_METRIC_EXPORT_INTERVAL"] = "500";
            if (service == "ordering")
            {
                settings["Messaging:RetiredVersions:0"] = "ordering.order-placed.v1"; // else Inventory processes whichever version arrives first
            }
        }

        _starts[service] = () => ServiceProcess.StartAsync<TProgram>(settings);
    }
}
