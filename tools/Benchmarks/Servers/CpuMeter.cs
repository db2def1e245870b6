using System.Diagnostics;
using System.Globalization;

namespace Shop.Benchmarks.Servers;

/// <summary>Processor seconds since some moment, by process, in the order of <see cref="CpuMeter.Names"/>; and the total.</summary>
internal readonly record struct CpuTime(double[] Parts, double Machine)
{
    public double Ours => Parts.Sum();

    public double Others => Math.Max(0, Machine - Ours);

    public static CpuTime operator -(CpuTime a, CpuTime b) =>
        new([.. a.Parts.Zip(b.Parts, (later, earlier) => later - earlier)], a.Machine - b.Machine);
}

/// <summary>Reads processor time from /proc: elapsed time on a shared machine is not comparable.</summary>
/// <param name="parts">The names of the parts, and how to read the seconds of each.</param>
internal sealed class CpuMeter(IReadOnlyList<(string Name, Func<double> Seconds)> parts)
{
    private const double TicksPerSecond = 100; // USER_HZ is 100 on every architecture that .NET runs on

    /// <summary>This process, which holds the services under test and what drives them; and the servers, where they are known.</summary>
    public CpuMeter(int? postmaster, int? broker)
        : this([
            ("application", OfThisProcess),
            ("PostgreSQL", () => postmaster is { } id ? OfTree(id) : 0),
            ("RabbitMQ", () => broker is { } id ? Of(id, withEnded: false).Seconds : 0)])
    {
    }

    public IReadOnlyList<string> Names { get; } = [.. parts.Select(part => part.Name)];

    public CpuTime Read() => new([.. parts.Select(part => part.Seconds())], OfMachine());

    public static double OfThisProcess() => Process.GetCurrentProcess().TotalProcessorTime.TotalSeconds;

    /// <summary>A process with its living children, and those that have ended.</summary>
    public static double OfTree(int root)
    {
        var total = Of(root, withEnded: true).Seconds;
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out var id)
                && Of(id, withEnded: false) is var (seconds, parent) && parent == root)
            {
                total += seconds;
            }
        }

        return total;
    }

    /// <summary>A process's own time, with that of its ended children if wanted, and its parent; 0 if it is gone.</summary>
    public static (double Seconds, int Parent) Of(int id, bool withEnded)
    {
        try
        {
            // man 5 proc: the name in parentheses may contain anything; after it come state (3), ppid (4), utime (14) to cstime (17).
            var stat = File.ReadAllText($"/proc/{id}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            double Field(int number) => double.Parse(fields[number - 3], CultureInfo.InvariantCulture);
            var ticks = Field(14) + Field(15) + (withEnded ? Field(16) + Field(17) : 0);
            return (ticks / TicksPerSecond, (int)Field(4));
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return (0, 0);
        }
    }

    private static double OfMachine()
    {
        // cpu user nice system idle iowait irq softirq steal guest guest_nice; guests are counted in user already.
        var fields = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..9]
            .Select(field => double.Parse(field, CultureInfo.InvariantCulture)).ToArray();
        return (fields.Sum() - fields[3] - fields[4]) / TicksPerSecond;
    }
}
