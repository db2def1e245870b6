using System.Globalization;

namespace Shop.Benchmarks.Servers;

internal static class ProcessMemory
{
    /// <summary>
    /// Megabytes by a line of /proc/PID/smaps_rollup: Rss, Pss, in which what processes share is divided among them, or Anonymous, which is what no file
    /// backs.
    /// </summary>
    public static double Megabytes(int process, string line)
    {
        var found = File.ReadLines($"/proc/{process}/smaps_rollup").First(text => text.StartsWith(line + ":", StringComparison.Ordinal));
        return double.Parse(found.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;
    }
}
