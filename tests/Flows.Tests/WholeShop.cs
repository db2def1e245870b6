using Shop.Contracts;

namespace Shop.Flows.Tests;

/// <summary>
/// Services that share a virtual host, each with a database of its own, in the test's process: they meet each other only in
/// the broker, as in production. Made without a running service; start those that a test wants.
/// </summary>
internal sealed class WholeShop : IAsyncDisposable
{
    private readonly Dictionary<string, ServiceInstance> _running = [];
    private readonly Dictionary<string, Dictionary<string, string?>> _settings = [];
    private readonly List<TestDatabase> _databases = [];
    private readonly DirectoryInfo _mail = Directory.CreateTempSubdirectory("shop-mail-");

    private WholeShop(TestVirtualHost broker, EventWire wire) => (Broker, Wire) = (broker, wire);

    public TestVirtualHost Broker { get; }

    /// <summary>Hears every event of every service.</summary>
    public EventWire Wire { get; }

    public static async Task<WholeShop> CreateAsync()
    {
        var broker = await TestServers.CreateVirtualHostAsync("shop");
        foreach (var exchange in EventCatalog.Names)
        {
            await broker.DeclareExchangeAsync(exchange);
        }

        return new WholeShop(broker, await EventWire.ConnectAsync(broker, ""));
    }

    /// <summary>Gives a service a database, or this one, and runs its migrations.</summary>
    public async Task<TestDatabase> AddAsync<TProgram>(Dictionary<string, string?>? settings = null, TestDatabase? database = null)
        where TProgram : class
    {
        var service = ServiceInstance.NameOf<TProgram>();
        database ??= await TestServers.CreateDatabaseAsync(service);
        _databases.Add(database);
        var all = ServiceInstance.Settings(database.ConnectionString, await ServiceInstance.CreateUserAsync<TProgram>(Broker));
        all["Email:PickupDirectory"] = _mail.FullName;
        foreach (var (key, value) in settings ?? [])
        {
            all[key] = value;
        }

        _settings[service] = all;
        await ServiceInstance.MigrateAsync<TProgram>(all);
        return database;
    }

    /// <summary>A copy of a database of this shop, of which nobody may be running; it goes with the shop.</summary>
    public async Task<TestDatabase> CloneAsync(TestDatabase database)
    {
        var copy = await database.CloneAsync();
        _databases.Add(copy);
        return copy;
    }

    public void Start<TProgram>()
        where TProgram : class
    {
        var service = ServiceInstance.NameOf<TProgram>();
        _running[service] = ServiceInstance.Start<TProgram>(_settings[service]);
    }

    public async Task StopAsync<TProgram>()
        where TProgram : class
    {
        if (_running.Remove(ServiceInstance.NameOf<TProgram>(), out var instance))
        {
            await instance.DisposeAsync();
        }
    }

    public HttpClient Client<TProgram>(string token) => _running[ServiceInstance.NameOf<TProgram>()].Client(token);

    /// <summary>Nothing is on its way: no event waits in an outbox, no message in a queue or with a consumer.</summary>
    public Task RestsAsync(TimeSpan? within = null) => Eventually.HoldsAsync("outboxes and queues are empty", async () =>
    {
        foreach (var database in _databases)
        {
            if (!_settings.Values.Any(settings => settings["ConnectionStrings:Database"] == database.ConnectionString))
            {
                continue; // a copy, whose outbox nobody relays
            }

            if (await database.ScalarAsync<long>("SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM outbox_parked)") > 0)
            {
                return false;
            }
        }

        return (await Broker.QueuesAsync()).All(queue => queue.Name.EndsWith(".dead", StringComparison.Ordinal) || queue is { Ready: 0, Unacknowledged: 0 });
    }, within ?? TimeSpan.FromMinutes(1));

    /// <summary>How many messages the services have given up on.</summary>
    public async Task<int> CountDeadLettersAsync()
    {
        var dead = 0;
        foreach (var queue in (await Broker.QueuesAsync()).Where(queue => queue.Name.EndsWith(".dead", StringComparison.Ordinal)))
        {
            dead += await Broker.CountReadyAsync(queue.Name);
        }

        return dead;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var instance in _running.Values)
        {
            await instance.DisposeAsync();
        }

        await Wire.DisposeAsync();
        await Broker.DisposeAsync();
        _mail.Delete(recursive: true);
        foreach (var database in Enumerable.Reverse(_databases))
        {
            await database.DisposeAsync();
        }
    }
}
