using System.Diagnostics;
using Shop.Benchmarks.Servers;

namespace Shop.Benchmarks;

/// <summary>One round of one of the compared things.</summary>
internal sealed record Round(int Events, double Seconds, CpuTime Cpu)
{
    public double Rate => Events / Seconds;

    /// <summary>Microseconds of processor time per event.</summary>
    public double Micros(Func<CpuTime, double> of) => of(Cpu) / Events * 1e6;
}

/// <summary>A median with its samples.</summary>
internal readonly record struct Spread(double Median, double Least, double Most)
{
    public static Spread Of(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        var middle = sorted.Length / 2;
        var median = sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
        return new Spread(median, sorted[0], sorted[^1]);
    }
}

/// <summary>All rounds of one of the compared things.</summary>
internal sealed record Series(string Name, IReadOnlyList<string> Parts, IReadOnlyList<Round> Rounds)
{
    public Spread Rate => Spread.Of(Rounds.Select(round => round.Rate));

    /// <summary>Microseconds of processor time per event.</summary>
    public Spread Micros(Func<CpuTime, double> of) => Spread.Of(Rounds.Select(round => round.Micros(of)));

    /// <summary>The ratio to another, round by round: what disturbed both cancels out.</summary>
    public Spread Against(Series other, Func<Round, double> of) =>
        Spread.Of(Rounds.Zip(other.Rounds, (mine, theirs) => of(mine) / of(theirs)));
}

/// <summary>One of the compared things: runs one round, which it measures itself, so that preparing does not count.</summary>
internal sealed record Contender(string Name, Func<Stopwatched, CancellationToken, Task> RunAsync);

/// <summary>Measures from <see cref="Start"/> to <see cref="Stop"/>.</summary>
internal sealed class Stopwatched(CpuMeter cpu)
{
    private CpuTime _begun;
    private long _at;

    public Round? Round { get; private set; }

    public void Start()
    {
        _begun = cpu.Read();
        _at = Stopwatch.GetTimestamp();
    }

    public void Stop(int events)
    {
        var seconds = Stopwatch.GetElapsedTime(_at).TotalSeconds;
        Round = new Round(events, seconds, cpu.Read() - _begun);
    }
}

internal static class Alternating
{
    /// <summary>Does something again and again on so many threads of control until the time is over; how often.</summary>
    public static async Task<int> ForAsync(TimeSpan time, int workers, Func<int, CancellationToken, Task> work, CancellationToken ct)
    {
        var begun = Stopwatch.GetTimestamp();
        var number = 0;
        await Task.WhenAll(Enumerable.Range(0, workers).Select(_ => Task.Run(async () =>
        {
            while (Stopwatch.GetElapsedTime(begun) < time)
            {
                await work(Interlocked.Increment(ref number), ct);
            }
        }, ct)));
        return number;
    }

    /// <summary>One round of each for warming up, then the rounds: every other one in the opposite order.</summary>
    public static async Task<IReadOnlyList<Series>> RunAsync(BenchContext bench, int rounds, params Contender[] contenders)
    {
        var results = contenders.ToDictionary(contender => contender, _ => new List<Round>());
        for (var number = 0; number <= rounds; number++)
        {
            foreach (var contender in number % 2 == 0 ? contenders : contenders.Reverse())
            {
                var watch = new Stopwatched(bench.Cpu);
                await contender.RunAsync(watch, bench.Stopping);
                var round = watch.Round ?? throw new InvalidOperationException($"{contender.Name} measured nothing.");
                BenchContext.Write($"{(number == 0 ? "warm-up" : $"round {number}/{rounds}")}  {contender.Name}: {round.Rate:N0}/s, "
                    + $"{round.Micros(cpu => cpu.Ours):N0} us of CPU each"
                    + (round.Cpu.Others / round.Seconds > 0.2 ? $" (others used {round.Cpu.Others / round.Seconds:0.0} cores)" : ""));
                if (number > 0)
                {
                    results[contender].Add(round);
                }
            }
        }

        return [.. contenders.Select(contender => new Series(contender.Name, bench.Cpu.Names, results[contender]))];
    }
}
