using System.Globalization;

namespace Shop.Local.State;

/// <summary>
/// Which process listens on a port. A response alone is not enough: between the choice of a port and the service's start another program,
/// even another shop, may have bound it.
/// </summary>
internal static class ListeningPorts
{
    private const string ListenState = "0A";

    /// <summary>Whether this process listens there. True where it cannot be determined (only on Linux it can).</summary>
    public static bool IsOwnedBy(int port, int pid)
    {
        if (!OperatingSystem.IsLinux())
        {
            return true;
        }

        var sockets = Sockets("/proc/net/tcp", port).Concat(Sockets("/proc/net/tcp6", port)).ToHashSet();
        try
        {
            return Directory.EnumerateFiles($"/proc/{pid}/fd").Any(fd => new FileInfo(fd).LinkTarget is { } to && sockets.Contains(to));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // ended meanwhile
        }
    }

    /// <summary>The listening sockets of the port, as the links in a process's fd directory name them.</summary>
    private static IEnumerable<string> Sockets(string table, int port)
    {
        if (!File.Exists(table))
        {
            yield break;
        }

        var suffix = ":" + port.ToString("X4", CultureInfo.InvariantCulture);
        foreach (var line in File.ReadLines(table).Skip(1))
        {
            var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields[3] == ListenState && fields[1].EndsWith(suffix, StringComparison.Ordinal))
            {
                yield return $"socket:[{fields[9]}]";
            }
        }
    }
}
