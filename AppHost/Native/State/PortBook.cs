using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;

namespace Shop.AppHost.Native.State;

/// <summary>
/// The ports of everything that listens, kept in <c>ports.json</c>: the same at each start, unless another program has taken
/// one in the meantime.
/// </summary>
internal sealed class PortBook
{
    public const string FileName = "ports.json";

    private static readonly JsonSerializerOptions s_json = new() { WriteIndented = true };

    private readonly string _path;
    private readonly SortedDictionary<string, int> _ports;
    private readonly HashSet<int> _given = [];

    public PortBook(string home)
    {
        _path = Path.Combine(home, FileName);
        _ports = Read(_path);
    }

    /// <summary>
    /// The port for <paramref name="name"/>: the kept one, else the preferred one, else any, whichever is free first.
    /// <paramref name="moved"/> says from which kept port it had to move.
    /// </summary>
    public int Take(string name, int? preferred, out int? moved)
    {
        int? kept = _ports.TryGetValue(name, out var port) ? port : null;
        var chosen = kept is { } k && IsFree(k) ? k
            : preferred is { } p && IsFree(p) ? p
            : AnyFree();
        moved = kept is not null && kept != chosen ? kept : null;
        _given.Add(chosen);
        _ports[name] = chosen;
        File.WriteAllText(_path, JsonSerializer.Serialize(_ports, s_json));
        return chosen;
    }

    private bool IsFree(int port)
    {
        // A port that is kept for something else is not free either, though nothing listens there yet.
        if (_given.Contains(port))
        {
            return false;
        }

        try
        {
            using var any = new TcpListener(IPAddress.Any, port);
            any.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private int AnyFree()
    {
        while (true)
        {
            // Below the range that outgoing connections take theirs from, so that it is still free at the next start.
            var port = RandomNumberGenerator.GetInt32(15_000, 32_000);
            if (!_ports.ContainsValue(port) && IsFree(port))
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
