using System.Globalization;

namespace Shop.Local.State;

/// <summary>The running instance's own view of its state, written out at each change.</summary>
internal sealed class StateKeeper(string home, string dashboard)
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, ServiceState> _services = [];
    private readonly SortedDictionary<string, ServerState> _servers = [];

    private readonly SortedDictionary<string, string> _problems = [];

    public void Set(ServiceState service) => Change(() => _services[service.Name] = service);

    public void Set(ServerState server) => Change(() => _servers[server.Name] = server);

    /// <summary>What prevents this resource from starting; null if nothing does.</summary>
    public void SetProblem(string resource, string? problem) => Change(() =>
    {
        _problems.Remove(resource);
        if (problem is not null)
        {
            _problems[resource] = problem;
        }
    });

    /// <summary>
    /// Records that everything is healthy for the first time (true), or stops (false), by a file with this process's id.
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
            new ShopState([.. _services.Values], [.. _servers.Values], dashboard, [.. _problems.Values]).Write(home);
        }
    }
}
