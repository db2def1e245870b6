using System.Diagnostics;
using System.Net;
using Shop.Analytics.Features.EventLog;
using Shop.Analytics.Features.Projections;
using Shop.Messaging;

namespace Shop.Analytics.Tests;

/// <summary>Old months of the log are removed; the figures derived from them stay.</summary>
public class RetentionTests(AnalyticsFixture analytics) : IClassFixture<AnalyticsFixture>
{
    private static readonly DateTimeOffset s_now = new(2026, 11, 22, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task Old_months_are_dropped_and_a_rebuild_keeps_their_figures()
    {
        // Placed before the cut and shipped after it, too.
        var random = new Random(17);
        List<IIntegrationEvent> events = [.. Enumerable.Range(0, 120).SelectMany(i => Samples.Story(random, s_now.AddDays(-i * 5)))];
        await analytics.Wire.PublishAsync(events);
        await analytics.LoggedAsync(events);
        await analytics.PartitionsAsync(db => EventLogPartitions.EnsureForLateEventsAsync(db, s_now, CancellationToken.None));
        var before = await RowsAsync();

        await using (var held = await HeldRebuild.StartAsync(analytics, "sales"))
        {
            Assert.Equal(0, await CutAsync()); // a rebuild is reading what would go
            await held.ReleaseAsync();
            await analytics.EndedAsync(held.Address);
        }

        var dropped = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => CutAsync()));
        Assert.True(dropped.Sum() >= 12, $"{dropped.Sum()} months were dropped.");
        Assert.Equal(0, await analytics.Database.ScalarAsync<long>("SELECT count(*) FROM event_log WHERE occurred_at < '2026-05-01'"));
        Assert.Equal(
            events.Count(e => e.OccurredAt >= new DateTimeOffset(2026, 5, 1, 0, 0, 0, TimeSpan.Zero)),
            await analytics.Database.ScalarAsync<long>("SELECT count(*) FROM event_log"));
        Assert.Equal(before, await RowsAsync());

        foreach (var projection in AllProjections.Catalog.All)
        {
            foreach (var query in (string[])["", "?from=2026-04-30"])
            {
                using var refused = await analytics.PostRebuildAsync(projection.Name, query);
                Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode);
                Assert.Contains("urn:shop:problem:event-log-cut", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
            }

            Assert.Equal("done", (await analytics.RebuildAsync(projection.Name, "?from=2026-05-01")).State);
        }

        Assert.Equal(before, await RowsAsync());
    }

    [Theory]
    [InlineData("-1")]
    [InlineData("1201")]
    [InlineData("a year")]
    public async Task An_invalid_retention_prevents_startup(string months)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            ArgumentList = { typeof(EventLogSettings).Assembly.Location },
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        foreach (var (key, value) in ServiceInstance.Settings(analytics.Database.ConnectionString, analytics.Broker.UriOf("analytics")))
        {
            start.Environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;
        }

        start.Environment["ASPNETCORE_URLS"] = "http://127.0.0.1:0";
        start.Environment["Analytics__EventLogRetentionMonths"] = months;
        using var process = Process.Start(start)!;
        using var timeout = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        try
        {
            var (output, errors) = (process.StandardOutput.ReadToEndAsync(timeout.Token), process.StandardError.ReadToEndAsync(timeout.Token));
            await process.WaitForExitAsync(timeout.Token);

            Assert.NotEqual(0, process.ExitCode);
            Assert.Contains("EventLogRetentionMonths", await output + await errors, StringComparison.Ordinal);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill();
            }
        }
    }

    private Task<int> CutAsync() =>
        analytics.PartitionsAsync(db => EventLogPartitions.CutAsync(db, months: 6, s_now, CancellationToken.None));

    private async Task<string> RowsAsync()
    {
        List<string> rows = [];
        foreach (var projection in AllProjections.Catalog.All)
        {
            rows.Add(await analytics.RowsAsync(projection.Table));
        }

        return string.Join('\n', rows);
    }
}
