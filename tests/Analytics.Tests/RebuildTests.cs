using System.Net;
using Shop.Analytics.Features.Projections;
using Shop.Messaging;

namespace Shop.Analytics.Tests;

/// <summary>Rebuilds beside a stream of events from the real broker.</summary>
public class RebuildTests(AnalyticsFixture analytics, ITestOutputHelper output) : IClassFixture<AnalyticsFixture>
{
    private static readonly DateTimeOffset s_start = new(2026, 3, 10, 20, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task Rebuilds_during_a_stream_of_events_count_each_event_once()
    {
        const int seed = 20261123;
        var random = new Random(seed);
        List<IIntegrationEvent> all = [];
        await PublishAsync(300);
        await analytics.LoggedAsync(all);

        var beside = 0L;
        using var client = analytics.Client(TestTokens.Staff());

        // Until enough was logged while rebuilds were running: otherwise they had the log for themselves, and nothing was shown.
        for (var round = 1; round <= 3 || beside <= 100; round++)
        {
            Assert.True(round <= 30, $"Only {beside} events were logged while a rebuild was running.");
            var stream = Task.Run(async () =>
            {
                await PublishAsync(200);
                await analytics.LoggedAsync(all);
            });
            var ended = new List<RebuildResponse>();
            while (!stream.IsCompleted || ended.Count == 0)
            {
                var addresses = new List<string>();
                foreach (var projection in AllProjections.Catalog.All)
                {
                    addresses.Add(await analytics.StartRebuildAsync(projection.Name));
                }

                foreach (var address in addresses)
                {
                    ended.Add(await analytics.EndedAsync(address));
                }
            }

            await stream;
            Assert.All(ended, rebuild => Assert.Equal(("done", rebuild.EventsTotal), (rebuild.State, rebuild.EventsDone)));
            await new Figures(all, new DateOnly(2026, 3, 1), new DateOnly(2026, 5, 1)).AssertServedByAsync(client);
            beside = await LoggedBesideRebuildsAsync();
            output.WriteLine($"round {round}: {ended.Count} rebuilds, {all.Count} events, {beside} of them logged while one was running");
        }

        async Task PublishAsync(int orders)
        {
            var events = Enumerable.Range(0, orders).SelectMany(_ => Samples.Story(random, s_start.AddMinutes(random.Next(20_000)))).ToArray();
            all.AddRange(events);
            var wire = events.Concat(events.Take(events.Length / 10)).ToArray();
            random.Shuffle(wire);
            foreach (var chunk in wire.Chunk(25))
            {
                await analytics.Wire.PublishAsync(chunk);
            }
        }
    }

    [Fact]
    public async Task A_rebuilt_projection_equals_the_live_one()
    {
        var random = new Random(7);
        IIntegrationEvent[] events = [.. Enumerable.Range(0, 100).SelectMany(_ => Samples.Story(random, s_start.AddYears(-7))), .. Samples.OneOfEach(s_start.AddYears(-7))];
        await analytics.Wire.PublishAsync(events);
        await analytics.LoggedAsync(events);
        foreach (var projection in AllProjections.Catalog.All)
        {
            var live = await analytics.RowsAsync(projection.Table);
            var rebuild = await analytics.RebuildAsync(projection.Name);

            Assert.Equal("done", rebuild.State);
            Assert.NotEmpty(live);
            Assert.Equal(live, await analytics.RowsAsync(projection.Table));
            Assert.Equal(0, await analytics.Database.ScalarAsync<long>($"SELECT count(*) FROM rebuild.{projection.Table}"));
        }
    }

    [Fact]
    public async Task A_rebuild_repairs_corrupted_figures()
    {
        var sold = Samples.Confirmed(Guid.CreateVersion7(), new DateTimeOffset(2018, 5, 5, 5, 5, 5, TimeSpan.Zero), 10);
        await analytics.Wire.PublishAsync(sold);
        await analytics.LoggedAsync(sold);
        var right = await analytics.RowsAsync("sales_per_day");
        await analytics.Database.ExecuteAsync("UPDATE sales_per_day SET revenue = 1; INSERT INTO sales_per_day VALUES ('2018-05-06', 'EUR', 1, 1, 1, 1, 1)");

        await analytics.RebuildAsync("sales");

        Assert.Equal(right, await analytics.RowsAsync("sales_per_day"));
    }

    [Fact]
    public async Task A_crash_during_a_rebuild_keeps_the_live_figures_and_the_rebuild_resumes()
    {
        var random = new Random(11);
        IIntegrationEvent[] events = [.. Enumerable.Range(0, 60).SelectMany(_ => Samples.Story(random, s_start.AddYears(-5)))];
        await analytics.Wire.PublishAsync(events);
        await analytics.LoggedAsync(events);
        var live = await analytics.RowsAsync("sales_per_day");
        await using var held = await HeldRebuild.StartAsync(analytics, "sales");

        await Eventually.IsAsync("the rebuild has read the log", () => analytics.GetAsync<RebuildResponse>(held.Address),
            rebuild => rebuild.EventsDone > 0 && rebuild.EventsDone == rebuild.EventsTotal);
        var during = await analytics.RowsAsync("sales_per_day");

        // All sessions end, as if the instance had crashed.
        await analytics.Database.CloseConnectionsAsync();
        Assert.Equal(live, during);
        await Eventually.HoldsAsync("the database answers", async () => await analytics.RowsAsync("sales_per_day") == live);
        await held.ReleaseAsync();

        Assert.Equal("done", (await analytics.EndedAsync(held.Address)).State);
        Assert.Equal(live, await analytics.RowsAsync("sales_per_day"));
    }

    [Fact]
    public async Task Of_two_concurrent_starts_of_a_rebuild_one_is_rejected()
    {
        await using var held = await HeldRebuild.StartAsync(analytics, "stock-outs");
        using var second = await analytics.PostRebuildAsync("stock-outs");
        Assert.Equal(HttpStatusCode.Conflict, second.StatusCode);
        Assert.Contains("urn:shop:problem:rebuild-running", await second.Content.ReadAsStringAsync(), StringComparison.Ordinal);

        // Another projection's is its own business.
        await using var other = await HeldRebuild.StartAsync(analytics, "rejections");
        await held.ReleaseAsync();
        await other.ReleaseAsync();
        Assert.Equal("done", (await analytics.EndedAsync(held.Address)).State);
        Assert.Equal("done", (await analytics.EndedAsync(other.Address)).State);

        var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => analytics.PostRebuildAsync("stock-outs")));
        Assert.Contains(answers, answer => answer.StatusCode == HttpStatusCode.Accepted);
        foreach (var answer in answers)
        {
            if (answer.StatusCode == HttpStatusCode.Accepted)
            {
                await analytics.EndedAsync(answer.Headers.Location!.OriginalString); // other tests rebuild it too
            }

            answer.Dispose();
        }
    }

    [Fact]
    public async Task Several_instances_of_one_rebuild_read_every_event_once()
    {
        var random = new Random(13);
        IIntegrationEvent[] events = [.. Enumerable.Range(0, 200).SelectMany(_ => Samples.Story(random, s_start.AddYears(-3)))];
        await analytics.Wire.PublishAsync(events);
        await analytics.LoggedAsync(events);
        var live = await analytics.RowsAsync("sales_per_day");

        var address = await analytics.StartRebuildAsync("sales");
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => analytics.WithDatabaseAsync(async db =>
        {
            while (await new ProjectionRebuilds(db, AllProjections.Catalog, TimeProvider.System).StepAsync(CancellationToken.None))
            {
            }

            return 0;
        })));

        var rebuild = await analytics.EndedAsync(address);
        Assert.Equal(("done", rebuild.EventsTotal), (rebuild.State, rebuild.EventsDone));
        Assert.Equal(live, await analytics.RowsAsync("sales_per_day"));
    }

    [Fact]
    public async Task A_rebuild_that_cannot_read_an_event_fails_and_changes_nothing()
    {
        var sold = Samples.Confirmed(Guid.CreateVersion7(), new DateTimeOffset(2017, 5, 5, 5, 5, 5, TimeSpan.Zero), 10);
        await analytics.Wire.PublishAsync(sold);
        await analytics.LoggedAsync(sold);
        var live = await analytics.RowsAsync("sales_per_day");
        await analytics.Database.ExecuteAsync($"UPDATE event_log SET body = body || '{{\"total\": \"ten\"}}' WHERE event_id = '{sold.EventId}'");

        var failed = await analytics.RebuildAsync("sales");
        Assert.Equal("failed", failed.State);
        Assert.Contains("total", failed.Error, StringComparison.Ordinal);
        Assert.Equal(live, await analytics.RowsAsync("sales_per_day"));

        await analytics.Database.ExecuteAsync($"UPDATE event_log SET body = body || '{{\"total\": 10}}' WHERE event_id = '{sold.EventId}'");
        Assert.Equal("done", (await analytics.RebuildAsync("sales")).State);
        Assert.Equal(live, await analytics.RowsAsync("sales_per_day"));
    }

    private Task<long> LoggedBesideRebuildsAsync() => analytics.Database.ScalarAsync<long>(
        """
        SELECT count(*) FROM event_log AS e WHERE EXISTS (
            SELECT FROM projection_rebuilds AS r WHERE e.epoch >= r.epoch AND e.received_at BETWEEN r.started_at AND r.finished_at)
        """);
}
