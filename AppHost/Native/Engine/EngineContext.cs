using Shop.AppHost.Native.Model;
using Shop.AppHost.Native.Output;
using Shop.AppHost.Native.State;

namespace Shop.AppHost.Native.Engine;

/// <summary>What all runners share.</summary>
internal sealed class EngineContext(string home, ConsoleOutput console, TimeProvider clock) : IDisposable
{
    private readonly List<ResourceLog> _logs = [];
    private readonly Dictionary<Resource, IRunner> _servers = [];

    public string Home { get; } = home;

    public ConsoleOutput Console { get; } = console;

    public TimeProvider Clock { get; } = clock;

    public StateKeeper State { get; } = new(home);

    public PortBook Ports { get; } = new(home);

    public HttpClient Http { get; } = new() { Timeout = TimeSpan.FromSeconds(5) };

    /// <summary>The servers' runners, which know how a project reaches them.</summary>
    public IReadOnlyDictionary<Resource, IRunner> Servers => _servers;

    public void AddServer(IRunner server) => _servers.Add(server.Resource, server);

    public ResourceLog OpenLog(string name)
    {
        var log = new ResourceLog(Path.Combine(Home, "logs"), name, Console);
        _logs.Add(log);
        return log;
    }

    /// <summary>The password of one login of one server. Services with access to a server have a login each.</summary>
    public string Password(string server, string login) =>
        DevelopmentSecrets.Password(Path.Combine(Home, "secrets"), $"{server}-{login}");

    /// <summary>The port to listen on, and a word when it is not the one of the last time.</summary>
    public int TakePort(string name, int? preferred = null)
    {
        var port = Ports.Take(name, preferred, out var moved);
        if (moved is not null)
        {
            Console.Notice($"Port {moved} of {name} is taken by another program; {name} moves to port {port}.");
        }

        return port;
    }

    public void Dispose()
    {
        _logs.ForEach(log => log.Dispose());
        Http.Dispose();
    }
}
