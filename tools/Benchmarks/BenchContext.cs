using Shop.Benchmarks.Servers;
using Spectre.Console;

namespace Shop.Benchmarks;

/// <summary>What a scenario gets.</summary>
/// <param name="Cpu">Reads processor time.</param>
/// <param name="Quick">Whether fewer and shorter rounds are wanted.</param>
/// <param name="Events">How many events pass where that is the point.</param>
/// <param name="Stopping">Ctrl+C.</param>
internal sealed record BenchContext(CpuMeter Cpu, bool Quick, int Events, CancellationToken Stopping)
{
    public int Pick(int quick, int full) => Quick ? quick : full;

    public static void Write(string line) => AnsiConsole.MarkupLineInterpolated($"[grey]  {line}[/]");
}

/// <summary>A scenario, by its name in ./shop bench.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Title">What it measures.</param>
/// <param name="RunAsync">Measures.</param>
/// <param name="InQuick">Whether --quick without names includes it.</param>
/// <param name="OwnServers">Whether it brings its servers along.</param>
internal sealed record Scenario(
    string Name, string Title, Func<BenchContext, Task<ScenarioResult>> RunAsync, bool InQuick = true, bool OwnServers = false);

/// <summary>What a scenario found.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Title">What was measured.</param>
/// <param name="Unit">What is counted: "event" for events/s and CPU per event.</param>
/// <param name="Rows">The compared things.</param>
/// <param name="Findings">Ratios and figures, those with a target first.</param>
/// <param name="Quick">Whether it was measured with fewer and shorter rounds.</param>
internal sealed record ScenarioResult(
    string Name, string Title, string Unit, IReadOnlyList<ResultRow> Rows, IReadOnlyList<Finding> Findings, bool Quick = false);

/// <summary>One of the compared things; CPU in microseconds per event. What was not measured is null.</summary>
internal sealed record ResultRow(
    string Name, int Rounds, int Events, Spread? Rate, Spread? Cpu = null, IReadOnlyList<CpuPart>? Parts = null, double OtherCores = 0,
    Percentiles? Latency = null)
{
    public static ResultRow Of(Series series) => new(
        series.Name, series.Rounds.Count, series.Rounds[0].Events, series.Rate, series.Micros(cpu => cpu.Ours),
        [.. series.Parts.Select((name, index) => new CpuPart(name, series.Micros(cpu => cpu.Parts[index]).Median))],
        series.Rounds.Average(round => round.Cpu.Others / round.Seconds));
}

/// <summary>What one process, or a group of them, used: the median, in microseconds per event.</summary>
internal sealed record CpuPart(string Name, double Micros);

/// <summary>Milliseconds, with the spread over the rounds.</summary>
internal sealed record Percentiles(Spread P50, Spread P99, Spread P999)
{
    public static Percentiles Of(IEnumerable<double[]> rounds)
    {
        var sorted = rounds.Select(round => round.Order().ToArray()).ToList();
        Spread At(double share) => Spread.Of(sorted.Select(round => round[Math.Max(0, (int)Math.Ceiling(round.Length * share) - 1)]));
        return new Percentiles(At(0.5), At(0.99), At(0.999));
    }
}

/// <summary>A figure and its expected value.</summary>
/// <param name="What">Its text.</param>
/// <param name="Value">The median.</param>
/// <param name="Format">How to show it: a .NET format, such as <c>0.00x</c>.</param>
/// <param name="Target">The target, or null where there is none.</param>
/// <param name="AtMost">Whether the target is the most allowed; else the least.</param>
internal sealed record Finding(string What, Spread Value, string Format, double? Target = null, bool AtMost = false)
{
    public bool? IsMet => Target is null ? null : AtMost ? Value.Median <= Target : Value.Median >= Target;
}
