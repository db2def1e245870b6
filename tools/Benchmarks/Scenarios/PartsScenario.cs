using System.Diagnostics;
using MassTransit;
using Shop.Benchmarks.Model;
using Shop.Local.Servers;
using Shop.Messaging;

namespace Shop.Benchmarks.Scenarios;

/// <summary>
/// What each library that a service is made of costs it, and what the just-in-time compiler costs: the time from the start of a process until its
/// first request is done, and memory after work and some seconds of rest.
/// </summary>
internal static class PartsScenario
{
    private const int Requests = 1_000;
    private const int AtOnce = 8;
    private static readonly TimeSpan s_rest = TimeSpan.FromSeconds(5);

    private static readonly Variant[] s_variants =
    [
        new("ASP.NET Core", Part.AspNetCore),
        new("and EF Core", Part.EfCore),
        new("and RabbitMQ.Client", Part.RabbitMqClient),
        new("and MassTransit", Part.MassTransit),
        new("and Shop's messaging", Part.Messaging),
        new("all, DOTNET_TieredPGO=0", Part.Messaging, ("DOTNET_TieredPGO", "0")),
        new("all, DOTNET_TieredCompilation=0", Part.Messaging, ("DOTNET_TieredCompilation", "0")),
        new("all, nothing compiled ahead", Part.Messaging, ("DOTNET_ReadyToRun", "0")),
    ];

    public static Scenario Scenario { get; } = new(
        "parts", "What a service process is made of: start, and memory after 1,000 requests", RunAsync, InQuick: false);

    private static async Task<ScenarioResult> RunAsync(BenchContext bench)
    {
        await using var stage = await Stage.CreateAsync();
        await (await stage.ProducerAsync(relay: false)).StopAsync(); // makes the tables and the topology
        await (await stage.ConsumerAsync(stage.Database, bus => bus.AddConsumer<BenchConsumer>(), migrateDatabase: false)).StopAsync();
        var found = s_variants.ToDictionary(variant => variant, _ => new List<Measured>());
        for (var round = 1; round <= bench.Pick(2, 5); round++)
        {
            foreach (var variant in s_variants)
            {
                var measured = await OneAsync(bench, stage, variant);
                found[variant].Add(measured);
                BenchContext.Write($"round {round}  {variant.Name}: {measured.Start:0.00} s, {measured.Resident:0} MB, {measured.Anonymous:0} MB of it its own");
            }
        }

        Finding Of(Variant variant, string what, Func<Measured, double> of, string format) =>
            new($"{variant.Name}: {what}", Spread.Of(found[variant].Select(of)), format);
        return new ScenarioResult(Scenario.Name, Scenario.Title, "process", [], [.. s_variants.SelectMany(variant => new[]
        {
            Of(variant, "s until the first request is done", round => round.Start, "0.00"),
            Of(variant, "MB resident", round => round.Resident, "0"),
            Of(variant, "MB that no file backs", round => round.Anonymous, "0"),
        })]);
    }

    private static async Task<Measured> OneAsync(BenchContext bench, Stage stage, Variant variant)
    {
        await stage.Database.ExecuteAsync("TRUNCATE effects, orders, order_lines, outbox, inbox");
        var address = new Uri($"http://127.0.0.1:{FreePorts.Next()}");
        using var http = new HttpClient { BaseAddress = address };
        var begun = Stopwatch.GetTimestamp();
        await using var process = PartProcess.Start(variant.Part, address, stage.Database.ConnectionString, stage.Broker.AmqpUri,
            variant.Environment);
        await Eventually.HoldsAsync($"{variant.Name} has done its first request", () => TryPostAsync(http, bench.Stopping));
        await ConsumedAsync(stage, variant, 1);
        var start = Stopwatch.GetElapsedTime(begun).TotalSeconds;
        await Parallel.ForAsync(1, Requests, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = bench.Stopping },
            async (_, ct) => await PostAsync(http, ct));
        await ConsumedAsync(stage, variant, Requests);
        await Task.Delay(s_rest, bench.Stopping);
        return new Measured(start, process.Megabytes("Rss"), process.Megabytes("Anonymous"));
    }

    private static Task ConsumedAsync(Stage stage, Variant variant, int count) => variant.Part < Part.RabbitMqClient
        ? Task.CompletedTask
        : Eventually.HoldsAsync($"{variant.Name} has consumed {count} events",
            async () => await stage.Database.ScalarAsync<long>("SELECT count(*) FROM effects") == count);

    private static async Task<bool> TryPostAsync(HttpClient http, CancellationToken ct)
    {
        try
        {
            await PostAsync(http, ct);
            return true;
        }
        catch (HttpRequestException refused) when (refused.StatusCode is null)
        {
            return false; // not yet
        }
    }

    private static async Task PostAsync(HttpClient http, CancellationToken ct)
    {
        using var response = await http.PostAsync(new Uri("/", UriKind.Relative), content: null, ct);
        response.EnsureSuccessStatusCode();
    }

    private sealed record Variant(string Name, Part Part, (string Name, string Value)? Environment = null);

    private sealed record Measured(double Start, double Resident, double Anonymous);
}
