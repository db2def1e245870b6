using System.Diagnostics;
using System.Globalization;
using Shop.Simulation.Tests.Runs;

namespace Shop.Simulation.Tests;

/// <summary>Runs many seeds over all cores, up to the first that fails.</summary>
internal static class Seeds
{
    public const int Count = 10_000;

    /// <summary>All seeds take a fraction of it; on a machine that is busy with other things a part of them has to do.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(100);

    /// <summary>Set, only this seed is run, and its trace is printed: a failure again, as often as one likes.</summary>
    private const string Variable = "SHOP_SIM_SEED";

    public static ulong? Asked => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } seed
        ? ulong.Parse(seed, CultureInfo.InvariantCulture)
        : null;

    /// <summary>A seed that fails, or null. Says in the output how many were run.</summary>
    public static Outcome? FindFailure(ITestOutputHelper output, Weakness weakness, Emphasis emphasis = Emphasis.None, int count = Count)
    {
        var watch = Stopwatch.StartNew();
        Outcome? failed = null;
        var (next, run, steps, events, repeats) = (0, 0, 0L, 0L, 0L);
        var workers = Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new Thread(() =>
        {
            while (Volatile.Read(ref failed) is null && watch.Elapsed < s_patience && Interlocked.Increment(ref next) is var seed && seed <= count)
            {
                var outcome = SimulatedShop.Run((ulong)seed, weakness, emphasis);
                Interlocked.Increment(ref run);
                Interlocked.Add(ref steps, outcome.Steps);
                Interlocked.Add(ref events, outcome.Events);
                Interlocked.Add(ref repeats, outcome.Repeats);
                if (outcome.Failure is not null)
                {
                    Interlocked.CompareExchange(ref failed, outcome, null);
                }
            }
        })).ToList();
        workers.ForEach(worker => worker.Start());
        workers.ForEach(worker => worker.Join());
        output.WriteLine($"{run} of {count} seeds in {watch.Elapsed.TotalSeconds:0.0} s: {steps} steps, {events} events, "
            + $"{repeats} repeats held back; {(failed is null ? "no failure" : $"seed {failed.Seed}: {failed.Failure}")}");
        return failed;
    }

    /// <summary>The same run again, with all that happened.</summary>
    public static string Replay(ulong seed, Weakness weakness = Weakness.None, Emphasis emphasis = Emphasis.None)
    {
        var outcome = SimulatedShop.Run(seed, weakness, emphasis, tracing: true);
        return $"Seed {seed}: {outcome.Failure ?? "all is well"}. Run it again: {Variable}={seed} ./shop test Simulation\n"
            + string.Join('\n', outcome.Trace);
    }
}
