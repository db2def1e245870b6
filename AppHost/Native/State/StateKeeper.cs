using System.Globalization;

namespace Shop.AppHost.Native.State;

/// <summary>The running instance's own view of its state, written out at each change.</summary>
internal sealed class StateKeeper(string home)
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, ServiceState> _services = [];
    private readonly SortedDictionary<string, ServerState> _servers = [];
    private readonly List<ProcessIdentity> _others = [];

    public void Set(ServiceState service) => Change(() => _services[service.Name] = service);

    public void Set(ServerState server) => Change(() => _servers[server.Name] = server);

    public void Add(ProcessIdentity other) => Change(() => _others.Add(other));

    public void Remove(ProcessIdentity other) => Change(() => _others.Remove(other));

    /// <summary>
    /// Everything was healthy at once for the first time (true), or stops (false): a file with this process's id says so.
    /// </summary>
    public void SetReady(bool ready)
    {
        var path = Path.Combine(home, "ready");
        if (ready)
        {
            File.WriteAllText(path, Environment.ProcessId.ToString(CultureInfo.InvariantCulture) + "\n");
        }
        else
        {
            File.Delete(path);
        }
    }

    private void Change(Action change)
    {
        lock (_gate)
        {
            change();
            new ShopState([.. _services.Values], [.. _servers.Values], [.. _others]).Write(home);
        }
    }
}
