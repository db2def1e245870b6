using Shop.Analytics.Features.EventLog;

namespace Shop.Analytics.Tests;

public class PartitionTests(AnalyticsFixture analytics) : IClassFixture<AnalyticsFixture>
{
    [Fact]
    public async Task The_months_around_now_have_their_partitions_from_the_start()
    {
        var now = TimeProvider.System.GetUtcNow();
        var shipped = Samples.Shipped(Guid.CreateVersion7(), now);
        await analytics.Wire.PublishAsync(shipped);
        await analytics.LoggedAsync(shipped);

        // The service makes them while it starts: an event that was quicker is moved.
        await Eventually.IsAsync("the event is in the partition of its month", () => PartitionOfAsync(shipped.EventId), name => name == $"event_log_{now:yyyy_MM}");
        Assert.Equal(0, await analytics.PartitionsAsync(db => EventLogPartitions.EnsureAsync(db, now, CancellationToken.None)));
    }

    [Fact]
    public async Task Rows_of_the_default_partition_move_when_their_month_gets_one()
    {
        var early = Samples.Shipped(Guid.CreateVersion7(), new DateTimeOffset(2031, 5, 31, 23, 59, 59, TimeSpan.Zero));
        await analytics.Wire.PublishAsync(early);
        await analytics.LoggedAsync(early);
        Assert.Equal("event_log_default", await PartitionOfAsync(early.EventId));

        var april = new DateTimeOffset(2031, 4, 12, 0, 0, 0, TimeSpan.Zero);
        var created = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ =>
            analytics.PartitionsAsync(db => EventLogPartitions.EnsureAsync(db, april, CancellationToken.None))));

        Assert.Equal(5, created.Sum()); // March to July, once among four that tried
        Assert.Equal("event_log_2031_05", await PartitionOfAsync(early.EventId));
    }

    [Fact]
    public async Task A_years_old_event_gets_the_partition_of_its_month_and_an_implausible_date_stays_in_the_default_one()
    {
        var old = Samples.Shipped(Guid.CreateVersion7(), new DateTimeOffset(2019, 3, 31, 23, 59, 59, TimeSpan.Zero));
        var absurd = Samples.Shipped(Guid.CreateVersion7(), new DateTimeOffset(1066, 10, 14, 9, 0, 0, TimeSpan.Zero));
        await analytics.Wire.PublishAsync(old, absurd);
        await analytics.LoggedAsync(old, absurd);

        var now = new DateTimeOffset(2026, 11, 22, 0, 0, 0, TimeSpan.Zero);
        var created = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ =>
            analytics.PartitionsAsync(db => EventLogPartitions.EnsureForLateEventsAsync(db, now, CancellationToken.None))));

        Assert.InRange(created.Sum(), 0, 1); // none if the service, which looks for them when it has started, was quicker
        Assert.Equal("event_log_2019_03", await PartitionOfAsync(old.EventId));
        Assert.Equal("event_log_default", await PartitionOfAsync(absurd.EventId));
    }

    private Task<string> PartitionOfAsync(Guid eventId) =>
        analytics.Database.ScalarAsync<string>($"SELECT tableoid::regclass::text FROM event_log WHERE event_id = '{eventId}'");
}
