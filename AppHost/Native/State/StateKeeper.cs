namespace Shop.AppHost.Native.State;

/// <summary>The running instance's own view of its state, written out at each change.</summary>
internal sealed class StateKeeper(string home)
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, ServiceState> _services = [];
    private readonly SortedDictionary<string, ServerState> _servers = [];
    private readonly List<ProcessIdentity> _others = [];
    private bool _ready;

    public void Set(ServiceState service) => Change(() => _services[service.Name] = service);

    public void Set(ServerState server) => Change(() => _servers[server.Name] = server);

    public void Add(ProcessIdentity other) => Change(() => _others.Add(other));

    public void Remove(ProcessIdentity other) => Change(() => _others.Remove(other));

    /// <summary>Everything was healthy at once for the first time (true), or stops (false).</summary>
    public void SetReady(bool ready) => Change(() => _ready = ready);

    private void Change(Action change)
    {
        lock (_gate)
        {
            change();
            new ShopState(_ready, [.. _services.Values], [.. _servers.Values], [.. _others]).Write(home);
        }
    }
}
