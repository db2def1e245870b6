using Microsoft.EntityFrameworkCore;
using Shop.Analytics.Features.Projections;
using Shop.Messaging;

namespace Shop.Analytics.Tests;

/// <summary>What a projection becomes depends on the set of events, and on nothing else.</summary>
public class OrderOfEventsTests(AnalyticsFixture analytics) : IClassFixture<AnalyticsFixture>
{
    private static readonly DateTimeOffset s_at = new(2026, 2, 27, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public async Task Any_order_and_any_batches_of_the_same_events_give_the_same_rows(int seed)
    {
        var random = new Random(seed);
        IIntegrationEvent[] events = [.. Enumerable.Range(0, 60).SelectMany(_ => Samples.Story(random, s_at.AddHours(random.Next(72))))];
        foreach (var projection in AllProjections.Catalog.All)
        {
            var expected = await BuildAsync(projection, [.. events.Select(e => new[] { e })]);
            Assert.NotEmpty(expected);
            for (var i = 0; i < 4; i++)
            {
                var shuffled = events.ToArray();
                random.Shuffle(shuffled);

                Assert.Equal(expected, await BuildAsync(projection, shuffled.Chunk(random.Next(1, 100))));
            }
        }
    }

    /// <summary>Applies the batches to the empty shadow in a transaction that never commits; returns the resulting rows.</summary>
    private Task<string> BuildAsync(Projection projection, IEnumerable<IIntegrationEvent[]> batches) => analytics.WithDatabaseAsync(async db =>
    {
        await using var transaction = await db.Database.BeginTransactionAsync();
        foreach (var batch in batches)
        {
            await db.ApplyToShadowAsync(projection, batch, CancellationToken.None);
        }

        var sql = $"SELECT t::text FROM rebuild.{projection.Table} AS t ORDER BY 1";
        var rows = await db.Database.SqlQueryRaw<string>(sql).ToListAsync();
        return string.Join('\n', rows);
    });
}
