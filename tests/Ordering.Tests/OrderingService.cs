using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging;
using V1 = Shop.Contracts.Ordering.V1;

namespace Shop.Ordering.Tests;

/// <summary>Ordering, whole and real; the test plays Inventory.</summary>
public class OrderingService : ServiceFixture<Program>, IAsyncLifetime
{
    private readonly ServicesInside _inside = new();

    /// <summary>The running service's services.</summary>
    public IServiceProvider Services => _inside.Services;

    /// <summary>How many late events this instance has counted.</summary>
    internal LateEventCount Late => field ??= new LateEventCount(Services);

    // No poll for other instances' changes here: streams show only changes signalled by this instance.
    protected override IReadOnlyDictionary<string, string?> Settings => new Dictionary<string, string?>
    {
        ["Ordering:SweepInterval"] = "00:00:00.050",
        ["Ordering:SweepBatch"] = "2",
        ["Ordering:WatchInterval"] = "00:01:00",
        ["Ordering:KeepAlive"] = "00:00:00.200",
        ["RateLimits:StreamsPerCaller"] = "50",
    };

    protected override void ConfigureServices(IServiceCollection services) => _inside.AddTo(services);

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _ = Late;
    }

    public HttpClient As(string customer) => Client(TestTokens.Customer(customer));

    public HttpClient AsStaff() => Client(TestTokens.Staff());

    /// <summary>Lists a product under a sku of its own and waits until it can be ordered.</summary>
    public async Task<string> ListedAsync(decimal price = 4, string currency = "EUR")
    {
        var sku = $"SKU-{Guid.CreateVersion7():N}";
        var now = TimeProvider.System.GetUtcNow();
        await Wire.PublishAsync(new ProductListed(Guid.CreateVersion7(now), now, sku, 1, "Tea", price, currency));
        await KnownAsync(sku, price);
        return sku;
    }

    public Task KnownAsync(string sku, decimal price) => Eventually.HoldsAsync($"Ordering knows that {sku} costs {price}", async () =>
        await Database.ScalarAsync<long>($"SELECT count(*) FROM products WHERE sku = '{sku}' AND unit_price = {price}") == 1);

    /// <summary>Places an order; fails unless it is accepted.</summary>
    public async Task<JsonElement> PlaceAsync(string customer, string sku, int quantity = 1)
    {
        var (status, order) = await SendAsync(As(customer), "/orders", $$"""{"lines":[{"sku":"{{sku}}","quantity":{{quantity}}}]}""");
        Assert.Equal(HttpStatusCode.Created, status);
        return order;
    }

    /// <summary>Places an order and has Inventory set its stock aside.</summary>
    public async Task<Guid> ConfirmedAsync(string customer, string sku)
    {
        var id = (await PlaceAsync(customer, sku)).GetProperty("id").GetGuid();
        await Wire.PublishAsync(Reserved(id, sku));
        await StatusIsAsync(id, "confirmed");
        return id;
    }

    public static StockReserved Reserved(Guid order, string sku, int version = 1)
    {
        var now = TimeProvider.System.GetUtcNow();
        return new StockReserved(Guid.CreateVersion7(now), now, order, version, [new StockReserved.Line(sku, 1)]);
    }

    public static StockReservationFailed Failed(Guid order, string sku, int asked, int available, int version = 1)
    {
        var now = TimeProvider.System.GetUtcNow();
        return new StockReservationFailed(
            Guid.CreateVersion7(now), now, order, version, [new StockReservationFailed.ShortLine(sku, asked, available)]);
    }

    public static StockReservationExpired Expired(Guid order, string sku, int version = 2)
    {
        var now = TimeProvider.System.GetUtcNow();
        return new StockReservationExpired(Guid.CreateVersion7(now), now, order, version, [new StockReservationExpired.Line(sku, 1)]);
    }

    /// <summary>Makes an order look as if it had been placed an hour ago.</summary>
    public Task AgeAsync(params IEnumerable<Guid> orders) => Database.ExecuteAsync(
        $"UPDATE orders SET placed_at = placed_at - interval '1 hour' WHERE id = ANY ('{{{string.Join(',', orders)}}}')");

    /// <summary>An order's history as lines such as "2 Placed Confirmed event".</summary>
    public async Task<IReadOnlyList<string>> HistoryAsync(Guid order)
    {
        var lines = await Database.ScalarAsync<string[]>(
            $"SELECT array_agg(concat_ws(' ', version, from_status, to_status, cause) ORDER BY version) FROM orders_history WHERE order_id = '{order}'");
        return lines;
    }

    /// <summary>Waits until these events of Inventory had their effect, or had none.</summary>
    public async Task ConsumedAsync(params IReadOnlyList<IIntegrationEvent> events) => await Eventually.IsAsync(
        $"{events.Count} events are consumed",
        () => Database.ScalarAsync<long>(
            $"SELECT count(*) FROM inbox WHERE event_id = ANY ('{{{string.Join(',', events.Select(e => e.EventId))}}}')"),
        consumed => consumed == events.Count);

    /// <summary>Returns when all events until now are published and received.</summary>
    public async Task AllPublishedAsync()
    {
        await Eventually.HoldsAsync("the outbox is empty", async () => await Database.ScalarAsync<long>(
            "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM outbox_parked)") == 0);
        var last = (await PlaceAsync("the-last", await ListedAsync())).GetProperty("id").GetGuid();
        await Wire.ReceiveAsync<V1.OrderPlaced>("all events published before are received", e => e.OrderId == last);
    }

    /// <summary>Locks an order's row, or whatever else the statement locks, until the transaction is disposed.</summary>
    public async Task<NpgsqlTransaction> HoldAsync(string sql)
    {
        var connection = new NpgsqlConnection(Database.ConnectionString);
        await connection.OpenAsync();
        var transaction = await connection.BeginTransactionAsync();
        await using var command = new NpgsqlCommand(sql, connection, transaction);
        await command.ExecuteNonQueryAsync();
        return transaction;
    }

    /// <summary>Waits until another session waits for a lock of this transaction.</summary>
    public Task LockIsAwaitedAsync(NpgsqlTransaction held) => Eventually.HoldsAsync("the lock is awaited", async () => await Database.ScalarAsync<long>(
        $"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND {held.Connection!.ProcessID} = ANY (pg_blocking_pids(pid))") > 0);

    public Task<JsonElement> StatusIsAsync(Guid id, string status) => Eventually.IsAsync($"order {id} is {status}",
        () => GetAsync(AsStaff(), $"/orders/{id}"), order => order.GetProperty("status").GetString() == status);

    public static async Task<JsonElement> GetAsync(HttpClient client, string path) =>
        JsonDocument.Parse(await client.GetStringAsync(new Uri(path, UriKind.Relative))).RootElement;

    /// <summary>Posts a body; returns the response's status and JSON.</summary>
    public static async Task<(HttpStatusCode Status, JsonElement Body)> SendAsync(
        HttpClient client, string path, string? json = null, string? key = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = json is null ? null : new StringContent(json, Encoding.UTF8, "application/json"),
        };
        if (key is not null)
        {
            request.Headers.Add("Idempotency-Key", key);
        }

        using var response = await client.SendAsync(request);
        var body = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, body.Length == 0 ? default : JsonDocument.Parse(body).RootElement);
    }

    /// <summary>The events of a type that Ordering has published for an order.</summary>
    public IReadOnlyList<T> Published<T>(Guid order)
        where T : IIntegrationEvent => [.. Wire.ReceivedOf<T>().Where(e => e.AggregateId == order.ToString())];
}
