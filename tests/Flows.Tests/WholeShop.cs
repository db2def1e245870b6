namespace Shop.Flows.Tests;

/// <summary>
/// Services that share a virtual host, each with its own database, in the test's process: they communicate only through
/// the broker, as in production. Created without a running service; start those that a test needs.
/// </summary>
internal sealed class WholeShop : IAsyncDisposable
{
    private readonly Dictionary<string, ServiceInstance> _running = [];
    private readonly Dictionary<string, Dictionary<string, string?>> _settings = [];
    private readonly Dictionary<string, TestDatabase> _databaseOf = [];
    private readonly List<TestDatabase> _databases = [];
    private readonly DirectoryInfo _mail = Directory.CreateTempSubdirectory("shop-mail-");

    private readonly Dictionary<string, Action> _starts = [];
    private readonly bool _keepsDatabases;
    private long _consumedBefore;

    private WholeShop(TestVirtualHost broker, EventWire wire, bool keepsDatabases) => (Broker, Wire, _keepsDatabases) = (broker, wire, keepsDatabases);

    public TestVirtualHost Broker { get; }

    /// <summary>Receives every event of every service.</summary>
    public EventWire Wire { get; }

    /// <param name="keepsDatabases">They outlive the shop.</param>
    public static async Task<WholeShop> CreateAsync(bool keepsDatabases = false)
    {
        var broker = await TestServers.CreateVirtualHostAsync("shop");
        await broker.LoadTopologyAsync("nobody"); // every event's exchange; each service's own is loaded with it
        return new WholeShop(broker, await EventWire.ConnectAsync(broker, ""), keepsDatabases);
    }

    /// <summary>Gives a service a database, or this one, which has its tables.</summary>
    public async Task<TestDatabase> AddAsync<TProgram>(Dictionary<string, string?>? settings = null, TestDatabase? database = null)
        where TProgram : class
    {
        var service = ServiceInstance.NameOf<TProgram>();
        database ??= await MigratedDatabases.CreateAsync<TProgram>();
        await Broker.LoadTopologyAsync(service);
        _databases.Add(database);
        var all = ServiceInstance.Settings(database.RuntimeConnectionString, Broker.UriOf(service));
        all["Email:PickupDirectory"] = _mail.FullName;
        foreach (var (key, value) in settings ?? [])
        {
            all[key] = value;
        }

        _settings[service] = all;
        _databaseOf[service] = database;
        _starts[service] = Start<TProgram>;
        _consumedBefore += await database.ScalarAsync<long>("SELECT count(*) FROM inbox"); // none, unless it is a copy
        return database;
    }

    /// <summary>A copy of a database of this shop, whose service must not run; it is removed with the shop.</summary>
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

    public void StartAll()
    {
        foreach (var start in _starts.Values)
        {
            start();
        }
    }

    /// <summary>Starts a service again, with one setting changed.</summary>
    public async Task RestartAsync<TProgram>((string Key, string Value) setting)
        where TProgram : class
    {
        await StopAsync<TProgram>();
        _settings[ServiceInstance.NameOf<TProgram>()][setting.Key] = setting.Value;
        Start<TProgram>();
    }

    public TestDatabase Database<TProgram>() => _databaseOf[ServiceInstance.NameOf<TProgram>()];

    public async Task StopAsync<TProgram>()
        where TProgram : class
    {
        if (_running.Remove(ServiceInstance.NameOf<TProgram>(), out var instance))
        {
            await instance.DisposeAsync();
        }
    }

    public HttpClient Client<TProgram>(string token) => _running[ServiceInstance.NameOf<TProgram>()].Client(token);

    /// <summary>
    /// Nothing is on its way: no event waits in an outbox, and each that was published has had its effect in every queue that it
    /// is bound to (I7). Counted from the inboxes: the broker's management statistics may be seconds old.
    /// </summary>
    public async Task RestsAsync()
    {
        var queuesOf = await QueuesByEventAsync();
        Rest? before = null;
        try
        {
            await Eventually.IsAsync("outboxes are empty and every event is consumed", () => ReadRestAsync(queuesOf), rest =>
            {
                var twice = rest.IsReached && rest == before; // what was in flight to this process at the first look is here at the second
                before = rest;
                return twice;
            });
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{e.Message}\nThe broker holds: {await HeldAsync()}\nHealth: {await HealthAsync()}\nDead: {string.Join("; ", await DeadLettersAsync())}", e);
        }
    }

    private async Task<Rest> ReadRestAsync(Dictionary<string, int> queuesOf)
    {
        var waiting = await CountWaitingAsync();
        var isWireUpToDate = await Wire.IsUpToDateAsync();
        var consumed = await SumAsync("SELECT count(*) FROM inbox");
        var expected = _consumedBefore + Wire.Received.DistinctBy(received => received.EventId)
            .Sum(received => (long)queuesOf.GetValueOrDefault(received.Name));
        return new Rest(waiting, isWireUpToDate, consumed, expected);
    }

    private async Task<string> HeldAsync() => string.Join("; ", (await Broker.QueuesAsync())
        .Where(queue => queue.Ready + queue.Unacknowledged > 0)
        .Select(queue => $"{queue.Name}: {queue.Ready} ready, {queue.Unacknowledged} unacknowledged"));

    private async Task<string> HealthAsync() => string.Join("; ", await Task.WhenAll(_running.Select(async running =>
    {
        using var client = running.Value.Client();
        using var answer = await client.GetAsync(new Uri("/health/ready", UriKind.Relative));
        return $"{running.Key} {await answer.Content.ReadAsStringAsync()}";
    })));

    private sealed record Rest(long Waiting, bool IsWireUpToDate, long Consumed, long Expected)
    {
        public bool IsReached => Waiting == 0 && IsWireUpToDate && Consumed == Expected;
    }

    /// <summary>The bound exchanges, each with how many queues are bound to it.</summary>
    public async Task<Dictionary<string, int>> QueuesByEventAsync() => (await Broker.ExportAsync())["bindings"]!.AsArray()
        .Where(binding => (string?)binding!["destination_type"] == "queue" && !((string)binding["destination"]!).StartsWith("amq.", StringComparison.Ordinal))
        .CountBy(binding => (string)binding!["source"]!).ToDictionary();

    /// <summary>How many events wait in the outboxes.</summary>
    public Task<long> CountWaitingAsync() => SumAsync("SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM outbox_parked)");

    private async Task<long> SumAsync(string query)
    {
        var sum = 0L;
        foreach (var database in _databaseOf.Values)
        {
            sum += await database.ScalarAsync<long>(query);
        }

        return sum;
    }

    /// <summary>What the services have given up on, and why: each message's queue and exception.</summary>
    public async Task<IReadOnlyList<string>> DeadLettersAsync()
    {
        List<string> dead = [];
        foreach (var queue in (await Broker.QueuesAsync()).Where(queue => queue.Name.EndsWith(".dead", StringComparison.Ordinal) && queue.Ready > 0))
        {
            dead.AddRange((await Broker.PeekAsync(queue.Name)).Select(message => $"{queue.Name}: {message.Header("MT-Fault-Message")}"));
        }

        return dead;
    }

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
        foreach (var database in _keepsDatabases ? [] : Enumerable.Reverse(_databases))
        {
            await database.DisposeAsync();
        }
    }
}
