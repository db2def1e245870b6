using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;

namespace Shop.Local.State;

/// <summary>
/// The ports of everything that listens, kept in <c>ports.json</c>: the same at each start, unless another program has bound
/// one in the meantime. Until it is disposed of, no other shop on this machine gets them, also while nothing listens there yet.
/// </summary>
internal sealed class PortBook : IDisposable
{
    public const string FileName = "ports.json";

    private static readonly JsonSerializerOptions s_json = new() { WriteIndented = true };

    private readonly string _path;
    private readonly SortedDictionary<string, int> _ports;
    private readonly Dictionary<int, string> _given = [];
    private readonly Dictionary<int, Socket> _claims = [];
    private readonly Lock _gate = new();

    public PortBook(string home)
    {
        _path = Path.Combine(home, FileName);
        _ports = Read(_path);
    }

    /// <summary>
    /// The port for <paramref name="name"/>: the kept one, else the preferred one, else any, whichever is free first.
    /// <paramref name="moved"/> is the kept port, if that is in use. May be called again, when the port was lost before the
    /// name could listen on it.
    /// </summary>
    public int Take(string name, int? preferred, out int? moved)
    {
        lock (_gate)
        {
            int? kept = _ports.TryGetValue(name, out var port) ? port : null;
            var chosen = kept is { } k && IsFree(k, name) ? k
                : preferred is { } p && IsFree(p, name) ? p
                : AnyFree(name);
            moved = kept is not null && kept != chosen ? kept : null;
            _given[chosen] = name;
            _ports[name] = chosen;
            File.WriteAllText(_path, JsonSerializer.Serialize(_ports, s_json));
            return chosen;
        }
    }

    public void Dispose()
    {
        foreach (var claim in _claims.Values)
        {
            claim.Dispose();
        }
    }

    /// <summary>
    /// A shop that starts at the same time would find a port free until a service listens on it; both would then use the same service.
    /// So the number is claimed as a UDP port, which the system releases however the claimant ends.
    /// </summary>
    private bool TryClaim(int port)
    {
        if (_claims.ContainsKey(port))
        {
            return true;
        }

        var claim = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ExclusiveAddressUse = true };
        try
        {
            claim.Bind(new IPEndPoint(IPAddress.Loopback, port));
            _claims[port] = claim;
            return true;
        }
        catch (SocketException)
        {
            claim.Dispose();
            return false;
        }
    }

    private bool IsFree(int port, string name)
    {
        // A port that was given to something else is not free either, though nothing listens there yet.
        if (_given.TryGetValue(port, out var holder) && holder != name)
        {
            return false;
        }

        try
        {
            using var any = new TcpListener(IPAddress.Any, port);
            any.Start();
            return TryClaim(port);
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private int AnyFree(string name)
    {
        while (true)
        {
            // Below the ephemeral range, so that it is still free at the next start.
            var port = RandomNumberGenerator.GetInt32(15_000, 32_000);
            if (!_ports.ContainsValue(port) && IsFree(port, name))
            {
                return port;
            }
        }
    }

    private static SortedDictionary<string, int> Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<SortedDictionary<string, int>>(File.ReadAllText(path)) ?? [];
        }
        catch (Exception e) when (e is IOException or JsonException)
        {
            return [];
        }
    }
}
