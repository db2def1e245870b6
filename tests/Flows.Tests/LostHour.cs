using System.Net;
using Npgsql;
using Shop.Analytics.Features.Funnel;
using Shop.Inventory.Features.OfferProduct;
using Shop.Notification.Features.PutContact;
using Shop.Ordering.Features.PlaceOrder;

namespace Shop.Flows.Tests;

/// <summary>
/// A shop that ran on after the moment to which a database will be restored. At that moment <see cref="Kept"/> is confirmed, and the
/// OrderPlaced of <see cref="Waiting"/> is stored and not yet published. After it, in the lost hour, that event is published and the order
/// confirmed, <see cref="Lost"/> is placed and confirmed, Kept is shipped, stock arrives and the price changes. Then everything rests.
/// </summary>
public sealed class LostHour : IAsyncLifetime
{
    private readonly Dictionary<Type, TestDatabase> _databases = [];
    private ArchivedPostgres? _server;

    public Guid Kept { get; private set; }

    public Guid Waiting { get; private set; }

    public Guid Lost { get; private set; }

    /// <summary>The moment of the restore.</summary>
    public string Moment { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        if (!await ArchivedPostgres.IsAvailableAsync())
        {
            return;
        }

        _server = await ArchivedPostgres.StartAsync();
        await Task.WhenAll(PrepareAsync<PlaceOrderRequest>("ordering"), PrepareAsync<OfferProductRequest>("inventory"),
            PrepareAsync<PutContactRequest>("notification"), PrepareAsync<FunnelResponse>("analytics"));
        await LiveAsync();
        await _server.RestoreAsync(Moment);
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }
    }

    /// <summary>The shop after the disaster: a broker at rest, and copies of the databases as they are now, but one as it was then.</summary>
    internal async Task<WholeShop> RestoreAsync<TRestored>(Dictionary<string, string?>? settings = null)
        where TRestored : class
    {
        Assert.SkipWhen(_server is null, "Restores the installed PostgreSQL.");
        var shop = await WholeShop.CreateAsync();
        await AddAsync<PlaceOrderRequest, TRestored>(shop, settings);
        await AddAsync<OfferProductRequest, TRestored>(shop, settings);
        await AddAsync<PutContactRequest, TRestored>(shop, settings);
        await AddAsync<FunnelResponse, TRestored>(shop, settings);
        return shop;
    }

    /// <summary>deploy/restore/replay.sql, as docs/deploy.md says: a service's events of the lost hour, from Analytics' log into its outbox.</summary>
    internal async Task ReplayAsync(WholeShop shop, string service, TestDatabase producer)
    {
        var sql = await File.ReadAllTextAsync(Path.Combine(Topology.Root, "deploy", "restore", "replay.sql"));
        var copy = sql[sql.IndexOf("COPY (", StringComparison.Ordinal)..].Replace(":'service'", $"'{service}'", StringComparison.Ordinal).Replace(":'since'", $"'{Moment}'", StringComparison.Ordinal);
        await using var from = new NpgsqlConnection(shop.Database<FunnelResponse>().ConnectionString);
        await using var to = new NpgsqlConnection(producer.ConnectionString);
        await Task.WhenAll(from.OpenAsync(), to.OpenAsync());
        using var rows = await from.BeginTextExportAsync(copy);
        await using var outbox = await to.BeginTextImportAsync("COPY outbox (event_id, stream, partition, type, headers, body) FROM STDIN");
        await outbox.WriteAsync(await rows.ReadToEndAsync());
    }

    private async Task PrepareAsync<TProgram>(string name)
        where TProgram : class
    {
        var database = await _server!.CreateDatabaseAsync(name);
        lock (_databases)
        {
            _databases[typeof(TProgram)] = database;
        }

        await MigratedDatabases.MigrateAsync<TProgram>(database);
    }

    private async Task AddAsync<TProgram, TRestored>(WholeShop shop, Dictionary<string, string?>? settings)
        where TProgram : class
    {
        var now = _databases[typeof(TProgram)];
        await shop.AddAsync<TProgram>(settings, await (typeof(TProgram) == typeof(TRestored) ? _server!.AsItWas(now) : now).CloneAsync());
    }

    private async Task LiveAsync()
    {
        await using var shop = await WholeShop.CreateAsync(keepsDatabases: true);
        var ordering = await shop.AddAsync<PlaceOrderRequest>(database: _databases[typeof(PlaceOrderRequest)]);
        await shop.AddAsync<OfferProductRequest>(database: _databases[typeof(OfferProductRequest)]);
        await shop.AddAsync<PutContactRequest>(database: _databases[typeof(PutContactRequest)]);
        await shop.AddAsync<FunnelResponse>(database: _databases[typeof(FunnelResponse)]);
        await _server!.BackUpAsync();
        shop.StartAll();
        await shop.ListAsync(ordering, "TEA", units: 20);
        Kept = (await shop.PlaceAsync("alice", ("TEA", 2))).MustBe(HttpStatusCode.Created).Id;
        await ConfirmedAsync(shop, "alice", Kept);
        await shop.RestsAsync();

        await shop.RestartAsync<PlaceOrderRequest>(("Messaging:RelayEnabled", "false"));
        Waiting = (await shop.PlaceAsync("bob", ("TEA", 3))).MustBe(HttpStatusCode.Created).Id;
        Moment = await _server.NowAsync();

        await shop.RestartAsync<PlaceOrderRequest>(("Messaging:RelayEnabled", "true"));
        await ConfirmedAsync(shop, "bob", Waiting);
        Lost = (await shop.PlaceAsync("carol", ("TEA", 5))).MustBe(HttpStatusCode.Created).Id;
        await ConfirmedAsync(shop, "carol", Lost);
        (await shop.ShipAsync(Kept)).MustBe(HttpStatusCode.OK);
        (await shop.ReceiveAsync("TEA", 3)).MustBe(HttpStatusCode.OK);
        (await shop.ReceiveAsync("TEA", 4)).MustBe(HttpStatusCode.OK); // so that a product that lacks both has a lower version at its next price
        (await shop.OfferAsync("TEA", 6)).MustBe(HttpStatusCode.OK);
        await shop.RestsAsync();
    }

    private static Task ConfirmedAsync(WholeShop shop, string customer, Guid order) =>
        Eventually.HoldsAsync("the order is confirmed", async () => (await shop.ReadAsync(customer, order)).OrderStatus == "confirmed");
}
