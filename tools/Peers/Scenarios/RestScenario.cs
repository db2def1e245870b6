using System.Diagnostics;
using Shop.Benchmarks;
using Shop.Peers.Model;

namespace Shop.Peers.Scenarios;

/// <summary>What a service process of each needs: the time to start, and memory after a thousand events and some seconds of rest.</summary>
internal static class RestScenario
{
    private const int Events = 1_000;
    private static readonly TimeSpan s_rest = TimeSpan.FromSeconds(10);

    public static Scenario Scenario { get; } = new("rest", "A service process: start, and memory at rest after 1,000 events", RunAsync);

    private static async Task<ScenarioResult> RunAsync(BenchContext bench)
    {
        await using var field = new Field(
            [await ShopContestant.CreateAsync(), await WolverineContestant.CreateAsync(), await CapContestant.CreateAsync()]);
        foreach (var contestant in field.All)
        {
            // Makes the tables and the queue. Stopped after a first effect, so that it was started.
            await contestant.StartConsumerAsync(ConsumerKind.OneByOne);
            await contestant.FillQueueAsync(1, bench.Stopping);
            await ConsumedAsync(contestant, 1);
            await contestant.Effects.ExecuteAsync($"TRUNCATE effects, {contestant.Inbox}");
            await contestant.StopConsumerAsync();
            await contestant.NobodyConsumesAsync(bench.Stopping);
        }

        var found = field.All.ToDictionary(contestant => contestant, _ => new List<AtRest>());
        for (var number = 1; number <= bench.Pick(2, 5); number++)
        {
            foreach (var contestant in field.All)
            {
                found[contestant].Add(await OneAsync(bench, contestant, number));
            }
        }

        Finding Of(Contestant contestant, string what, Func<AtRest, double> of, string format) =>
            new($"{contestant.Name}: {what}", Spread.Of(found[contestant].Select(of)), format);
        return new ScenarioResult(Scenario.Name, Scenario.Title, "process", [], [.. field.All.SelectMany(contestant => new[]
        {
            Of(contestant, "from the start of the process to the commit of its first effect, s", round => round.Start, "0.0"),
            Of(contestant, "memory, resident, MB", round => round.Resident, "0"),
            Of(contestant, "memory that no file backs, MB", round => round.Anonymous, "0"),
        })]);
    }

    private static async Task<AtRest> OneAsync(BenchContext bench, Contestant contestant, int number)
    {
        await contestant.FillQueueAsync(1, bench.Stopping);
        var begun = Stopwatch.GetTimestamp();
        await using var process = PeerProcess.Start(contestant);
        await ConsumedAsync(contestant, 1);
        var start = Stopwatch.GetElapsedTime(begun).TotalSeconds;
        await contestant.FillQueueAsync(Events - 1, bench.Stopping);
        await ConsumedAsync(contestant, Events);
        await Task.Delay(s_rest, bench.Stopping);
        var round = new AtRest(start, process.Megabytes("Rss"), process.Megabytes("Anonymous"));
        BenchContext.Write($"round {number}  {contestant.Name}: first effect after {round.Start:0.0} s, {round.Resident:0} MB resident, {round.Anonymous:0} MB anonymous");
        await contestant.Effects.ExecuteAsync($"TRUNCATE effects, {contestant.Inbox}");
        return round;
    }

    private static Task ConsumedAsync(Contestant contestant, int count) => Eventually.HoldsAsync($"{contestant.Name} has consumed {count} events",
        async () => await contestant.Effects.ScalarAsync<long>("SELECT count(*) FROM effects") == count);

    private sealed record AtRest(double Start, double Resident, double Anonymous);
}
