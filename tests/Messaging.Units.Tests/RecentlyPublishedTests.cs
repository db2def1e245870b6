using Microsoft.Extensions.Time.Testing;
using Shop.Messaging.Relay;

namespace Shop.Messaging.Units.Tests;

/// <summary>What the relay remembers of what it published.</summary>
public sealed class RecentlyPublishedTests
{
    private static readonly DateTimeOffset s_start = new(2026, 11, 28, 12, 0, 0, TimeSpan.Zero);

    private readonly FakeTimeProvider _clock = new(s_start);
    private readonly RecentlyPublished _published;

    public RecentlyPublishedTests() => _published = new RecentlyPublished(_clock);

    [Fact]
    public void Before_the_first_event_there_is_nothing_to_list()
    {
        var view = _published.Read(100);

        Assert.Equal((s_start, 0), (view.Since, view.Count));
        Assert.Empty(view.Last);
        Assert.Equal($"{Environment.MachineName}/{Environment.ProcessId}", view.Instance);
    }

    [Fact]
    public void Only_confirmed_events_count_and_each_has_its_times()
    {
        var rows = Rows(1, 3);
        var report = Confirmed([rows[0], rows[2]]);
        report.Refused[rows[1].Seq] = "refused";
        _clock.Advance(TimeSpan.FromSeconds(5));

        _published.Record(rows, report);

        var view = _published.Read(100);
        Assert.Equal(2, view.Count);
        Assert.Equal([
            new PublishedEvent(rows[2].EventId, "type", "stream-3", s_start, s_start.AddSeconds(5)),
            new PublishedEvent(rows[0].EventId, "type", "stream-1", s_start, s_start.AddSeconds(5))], view.Last);
    }

    [Theory]
    [InlineData(99)]
    [InlineData(100)]
    [InlineData(101)]
    [InlineData(250)]
    public void All_are_counted_and_the_last_hundred_are_listed_with_the_newest_first(int events)
    {
        foreach (var batch in Rows(1, events).Chunk(60))
        {
            _published.Record(batch, Confirmed(batch));
        }

        var view = _published.Read(int.MaxValue);
        Assert.Equal(events, view.Count);
        Assert.Equal(Enumerable.Range(1, events).Reverse().Take(100).Select(seq => $"stream-{seq}"), view.Last.Select(last => last.Stream));
        Assert.Equal(view.Last.Take(2), _published.Read(2).Last);
    }

    [Fact]
    public void An_id_without_a_time_has_none()
    {
        OutboxRow[] rows = [Rows(1, 1)[0] with { EventId = Guid.Parse("7d9ad08c-cb6c-4d0f-9f4f-3c7a3a5a2c11") }];

        _published.Record(rows, Confirmed(rows));

        Assert.Null(Assert.Single(_published.Read(1).Last).RecordedAt);
    }

    [Theory]
    [InlineData(0, 0)] // the second has not ended
    [InlineData(1, 5)]
    [InlineData(10, 5)]
    [InlineData(11, 0)]
    [InlineData(3_600, 0)]
    public void The_rate_is_that_of_the_last_ten_whole_seconds(int secondsLater, double rate)
    {
        Assert.Equal((0, null), _published.Rate());
        var rows = Rows(1, 50);
        _published.Record(rows, Confirmed(rows));

        _clock.Advance(TimeSpan.FromSeconds(secondsLater));

        Assert.Equal((rate, s_start), _published.Rate());
    }

    [Fact]
    public void An_event_is_found_by_its_id_and_by_its_stream_among_the_last_thousand()
    {
        var rows = Rows(1, 1_001);
        _published.Record(rows, Confirmed(rows));

        Assert.Equal("stream-2", Assert.Single(_published.Find(new HashSet<Guid> { rows[1].EventId }, stream: null)).Stream);
        Assert.Equal(rows[1_000].EventId, Assert.Single(_published.Find(new HashSet<Guid>(), "stream-1001")).EventId);
        Assert.Empty(_published.Find(new HashSet<Guid> { rows[0].EventId }, "stream-1"));
    }

    [Fact]
    public void Two_relays_of_a_process_share_one_count()
    {
        var rows = Rows(1, 50);
        var report = Confirmed(rows);

        Parallel.For(0, 1_000, _ => _published.Record(rows, report));

        Assert.Equal(50_000, _published.Read(1).Count);
    }

    [Fact]
    public void An_event_costs_no_allocation()
    {
        var rows = Rows(1, 500);
        var report = Confirmed(rows);
        _published.Record(rows, report);

        var before = GC.GetAllocatedBytesForCurrentThread();
        _published.Record(rows, report);

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, rows.Length); // of the batch, whatever its size
    }

    private static OutboxRow[] Rows(int first, int count) => [.. Enumerable.Range(first, count).Select(seq =>
        new OutboxRow(seq, Guid.CreateVersion7(s_start), $"stream-{seq}", 0, "type", "{}", []))];

    private static PublishReport Confirmed(IEnumerable<OutboxRow> rows)
    {
        var report = new PublishReport();
        report.Confirmed.UnionWith(rows.Select(row => row.Seq));
        return report;
    }
}
