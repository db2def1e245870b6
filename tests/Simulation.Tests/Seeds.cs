using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Shop.Simulation.Tests.Runs;

namespace Shop.Simulation.Tests;

/// <summary>Runs many seeds over all cores, up to the first that fails.</summary>
internal static class Seeds
{
    public const int Count = 10_000;

    /// <summary>The least number of runs, regardless of time.</summary>
    public const int Least = 2_000;

    /// <summary>All seeds need a part of it on an idle machine; on a busy one the run stops here and reports how far it got.</summary>
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(
        double.Parse(Environment.GetEnvironmentVariable("SHOP_SIM_SECONDS") is { Length: > 0 } seconds ? seconds : "100", CultureInfo.InvariantCulture));

    /// <summary>Set, only this seed is run, and its trace is printed: a failure again, as often as one likes.</summary>
    private const string Variable = "SHOP_SIM_SEED";

    public static ulong? Asked => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } seed
        ? ulong.Parse(seed, CultureInfo.InvariantCulture)
        : null;

    /// <summary>To see the trace of a negative control.</summary>
    public static Weakness AskedWeakness => Environment.GetEnvironmentVariable("SHOP_SIM_WEAKNESS") is { Length: > 0 } weakness
        ? Enum.Parse<Weakness>(weakness)
        : Weakness.None;

    /// <summary>The lowest seed that fails, or null. Writes how many were run.</summary>
    /// <param name="output">The test output.</param>
    /// <param name="weakness">What is removed.</param>
    /// <param name="emphasis">What each run must contain.</param>
    /// <param name="count">How many seeds, from 1.</param>
    /// <param name="failure">A pattern: only a failure that matches it counts.</param>
    public static Outcome? FindFailure(
        ITestOutputHelper output, Weakness weakness, Emphasis emphasis = Emphasis.None, int count = Count, string failure = "")
    {
        var search = new Search(weakness, emphasis, count, failure);
        var workers = Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new Thread(search.Run)).ToList();
        workers.ForEach(worker => worker.Start());
        workers.ForEach(worker => worker.Join());
        output.WriteLine(search.ToString());
        return search.Found;
    }

    /// <summary>Replays the run, with its trace.</summary>
    public static string Replay(ulong seed, Weakness weakness = Weakness.None, Emphasis emphasis = Emphasis.None)
    {
        var outcome = SimulatedShop.Run(seed, weakness, emphasis, tracing: true);
        return $"Seed {seed}: {outcome.Failure ?? "all is well"}. Run it again: {Variable}={seed} ./shop test Simulation\n"
            + string.Join('\n', outcome.Trace);
    }

    /// <summary>Hands out seeds in order, so that every seed below one that fails has been run when all workers have ended.</summary>
    private sealed class Search(Weakness weakness, Emphasis emphasis, int count, string failure)
    {
        private readonly Stopwatch _watch = Stopwatch.StartNew();
        private readonly Lock _lock = new();
        private int _next;
        private int _run;
        private int _others;
        private Outcome? _other;
        private long _steps;
        private long _events;
        private long _repeats;

        public Outcome? Found { get; private set; }

        public void Run()
        {
            while (Next() is { } seed)
            {
                var outcome = SimulatedShop.Run(seed, weakness, emphasis);
                lock (_lock)
                {
                    Add(outcome);
                }
            }
        }

        public override string ToString() =>
            $"{_run} of {count} seeds in {_watch.Elapsed.TotalSeconds:0.0} s: {_steps} steps, {_events} events, {_repeats} repeats held back; "
            + (Found is null ? "no failure" : $"seed {Found.Seed}: {Found.Failure}")
            + (_other is null ? "" : $"; {_others} failed in another way, such as seed {_other.Seed}: {_other.Failure}")
            + (Found is null && _run < count ? $" (stopped after {s_timeout.TotalSeconds:0} s)" : "");

        private ulong? Next()
        {
            lock (_lock)
            {
                var goesOn = Found is null && _next < count && (_next < Least || weakness != Weakness.None || _watch.Elapsed < s_timeout);
                return goesOn ? (ulong)++_next : null;
            }
        }

        private void Add(Outcome outcome)
        {
            _run++;
            _steps += outcome.Steps;
            _events += outcome.Events;
            _repeats += outcome.Repeats;
            if (outcome.Failure is not { } broken)
            {
                return;
            }

            if (!Regex.IsMatch(broken, failure))
            {
                _others++;
                _other ??= outcome;
            }
            else if (Found is null || outcome.Seed < Found.Seed)
            {
                Found = outcome;
            }
        }
    }
}
