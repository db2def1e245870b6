using System.Diagnostics;
using System.Globalization;
using Shop.Messaging.Tests.Harness;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Messaging.Tests;

/// <summary>
/// The two strategies against each other in one run: no test of the suite. Run it with
/// <c>tests/Messaging.Tests/bin/Release/net10.0/Messaging.Tests -explicit only -class Shop.Messaging.Tests.LogTailingRates -showLiveOutput</c>.
/// </summary>
public sealed class LogTailingRates(ITestOutputHelper output) : MessagingTest
{
    private const int Rounds = 3;
    private const int Relayed = 20_000;
    private const int Saved = 2_000;

    [Fact(Explicit = true)]
    public async Task Relay_and_write_in_rounds_that_alternate()
    {
        foreach (var queue in (string[])["relayed", "saved"])
        {
            await Broker.DeclareQueueAsync(queue);
            await Broker.BindAsync(TicketEvents.Opened, queue);
        }

        var writer = await ServiceAsync(relay: false);
        for (var round = 0; round < Rounds; round++)
        {
            foreach (var relay in (RelayKind[])[RelayKind.Polling, RelayKind.LogTailing])
            {
                await using var switched = TestService.Create(Database, Broker.AmqpUri, Settings(relay));
                await switched.MigrateRelayAsync();
                await writer.OpenAsync();
                await MeasureAsync($"{relay} write", Saved, () => RepeatAsync(Saved, () => writer.OpenAsync()));
                await MeasureAsync("no event write", Saved, () => RepeatAsync(Saved, () => writer.WorkAsync(async db =>
                {
                    db.Effects.Add(new Effect { What = "nothing" });
                    await db.SaveChangesAsync();
                })));
                await Database.ExecuteAsync($"""
                    INSERT INTO outbox (event_id, stream, partition, type, headers, body)
                    SELECT gen_random_uuid(), n::text, n % 16, '{TicketEvents.Opened}', '{"{"}"aggregate-id":"a","aggregate-version":"1"{"}"}',
                        convert_to(repeat('x', 700), 'UTF8') FROM generate_series(1, {Relayed}) AS n
                    """);
                await using var relaying = TestService.Create(Database, Broker.AmqpUri, Settings(relay));
                await MeasureAsync($"{relay} relay", Relayed + Saved + 1, async () =>
                {
                    await relaying.StartAsync();
                    await DrainedAsync(relay);
                });
                await relaying.StopAsync();
            }
        }
    }

    private static Dictionary<string, string?> Settings(RelayKind relay) => new() { ["Messaging:Relay"] = relay.ToString() };

    private static async Task RepeatAsync(int times, Func<Task> work)
    {
        for (var i = 0; i < times; i++)
        {
            await work();
        }
    }

    private async Task DrainedAsync(RelayKind relay)
    {
        if (relay == RelayKind.LogTailing)
        {
            await LogIsReadAsync();
        }

        await Eventually.HoldsAsync("the outbox is empty", async () =>
            await Database.ScalarAsync<long>("SELECT count(*) FROM (SELECT FROM outbox LIMIT 1) AS row") == 0, TimeSpan.FromMinutes(2));
    }

    private async Task MeasureAsync(string what, int count, Func<Task> work)
    {
        var before = Cpu();
        var watch = Stopwatch.StartNew();
        await work();
        var time = watch.Elapsed;
        var (own, postgres, broker) = Cpu();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{what,-20} {count / time.TotalSeconds,8:0} /s   CPU us each: service {(own - before.Own) * 1e6 / count,6:0}  PostgreSQL "
            + $"{(postgres - before.Postgres) * 1e6 / count,6:0}  RabbitMQ {(broker - before.Broker) * 1e6 / count,6:0}"));
    }

    /// <summary>Seconds; of PostgreSQL and RabbitMQ those of the newest of each on this machine that the tests started.</summary>
    private static (double Own, double Postgres, double Broker) Cpu() => (
        Process.GetCurrentProcess().TotalProcessorTime.TotalSeconds, Seconds("postgres"), Seconds("beam.smp"));

    private static double Seconds(string program)
    {
        var home = Environment.GetEnvironmentVariable("SHOP_RATES_HOME") ?? "shop-tests-";
        var sum = 0.0;
        foreach (var directory in Directory.GetDirectories("/proc").Where(d => int.TryParse(Path.GetFileName(d), out _)))
        {
            try
            {
                var stat = File.ReadAllText(directory + "/stat");
                var place = new FileInfo(directory + "/cwd").LinkTarget + File.ReadAllText(directory + "/environ") + File.ReadAllText(directory + "/cmdline");
                if (stat.Contains($"({program})", StringComparison.Ordinal) && place.Contains(home, StringComparison.Ordinal))
                {
                    sum += stat[(stat.LastIndexOf(')') + 2)..].Split(' ').Skip(11).Take(4).Sum(ticks => double.Parse(ticks, CultureInfo.InvariantCulture)) / 100;
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                continue; // it has ended
            }
        }

        return sum;
    }
}
