using Microsoft.Extensions.DependencyInjection;
using Shop.Messaging.Operations;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>An operator sees parked events, and can retry them immediately.</summary>
public class OutboxReportTests : MessagingTest
{
    private static readonly Dictionary<string, string?> s_longDelays = new()
    {
        ["Messaging:FirstRetryDelay"] = "01:00:00",
        ["Messaging:MaxRetryDelay"] = "01:00:00",
    };

    [Fact]
    public async Task Parked_streams_are_reported_with_their_error_and_can_be_retried()
    {
        var service = await ServiceAsync(settings: s_longDelays);
        var report = service.Services.GetRequiredService<IOutboxReport>();
        var (first, second) = (await service.OpenAsync(), await service.OpenAsync()); // no queue is bound for what they publish

        var parked = await Eventually.IsAsync("both are parked", () => report.ReadAsync(10, default),
            view => view.Streams.Count == 2 && view.Streams.All(stream => stream.Attempts > 0));
        Assert.Equal((0, 2, 0), (parked.Waiting, parked.Parked, parked.Published!.Count));
        Assert.Equal(Relay == RelayKind.LogTailing, parked.LogBytes is not null);
        await using (var scope = service.Services.CreateAsyncScope())
        {
            var journey = await scope.ServiceProvider.GetRequiredService<IJourneyReport>().ReadAsync([], first.Id.ToString(), default);
            Assert.Equal(Relay == RelayKind.LogTailing, journey.LogBytes is not null); // in which an event cannot be looked up
        }

        Assert.Equal(new HashSet<string> { first.Id.ToString(), second.Id.ToString() }, parked.Streams.Select(stream => stream.Stream).ToHashSet());
        Assert.All(parked.Streams, stream =>
        {
            Assert.Equal((TicketEvents.Opened, 1), (stream.Type, stream.Events));
            Assert.NotEmpty(stream.Error);
            Assert.InRange(stream.NextAttempt - stream.Since, TimeSpan.FromMinutes(50), TimeSpan.FromMinutes(70));
        });
        Assert.Single((await report.ReadAsync(1, default)).Streams);

        var probe = await ProbeAsync(TicketEvents.Opened);
        Assert.Equal(0, await report.RetryAsync("nobody", "ada", default));
        Assert.Equal(1, await report.RetryAsync(first.Id.ToString(), "ada", default));
        await probe.CountIsAsync(1);
        await Eventually.IsAsync("only the second is left", () => report.ReadAsync(10, default), // a moment after the broker has the first
            view => view.Streams is [var left] && left.Stream == second.Id.ToString());

        Assert.Equal(1, await report.RetryAsync(stream: null, "ada", default));
        await probe.CountIsAsync(2);
        await OutboxIsEmptyAsync();
        var end = await Eventually.IsAsync("both are published", () => report.ReadAsync(10, default), view => view.Published!.Count == 2);
        Assert.Equal((0, 0), (end.Waiting, end.Parked));
        Assert.Equal([second.Id.ToString(), first.Id.ToString()], end.Published!.Last.Select(published => published.Stream));
    }

    [Fact]
    public async Task Published_events_are_counted_and_the_last_are_listed()
    {
        var before = TimeProvider.System.GetUtcNow();
        var service = await ServiceAsync();
        var report = service.Services.GetRequiredService<IOutboxReport>();
        var probe = await ProbeAsync(TicketEvents.Opened);
        var first = await service.OpenAsync();
        await probe.CountIsAsync(1);
        var second = await service.OpenAsync();

        // The report reads the rows first: an event that is published meanwhile is in both.
        var view = await Eventually.IsAsync("both are published", () => report.ReadAsync(10, default),
            view => (view.Waiting, view.Parked, view.Published!.Count) == (0, 0, 2));
        Assert.InRange(view.Published!.Since, before, view.Published.Last[1].PublishedAt);
        Assert.Equal([(TicketEvents.Opened, second.Id.ToString()), (TicketEvents.Opened, first.Id.ToString())],
            view.Published.Last.Select(last => (last.Type, last.Stream)));
        Assert.All(view.Published.Last, last => Assert.InRange(last.RecordedAt!.Value, before.AddMilliseconds(-1), last.PublishedAt));
        Assert.Equal(view.Published.Last[0], Assert.Single((await report.ReadAsync(1, default)).Published!.Last));
    }

    [Fact]
    public async Task Waiting_events_are_reported_with_their_age()
    {
        var service = await ServiceAsync(relay: false, settings: new Dictionary<string, string?> { ["Messaging:Relay"] = nameof(RelayKind.Polling) });
        var before = TimeProvider.System.GetUtcNow();
        await service.OpenAsync();

        var view = await service.Services.GetRequiredService<IOutboxReport>().ReadAsync(10, default);

        Assert.Equal((1, 0, null), (view.Waiting, view.Parked, view.Published)); // it runs no relay
        Assert.InRange(view.Oldest!.Value, before.AddSeconds(-1), TimeProvider.System.GetUtcNow());
    }
}

/// <summary>Published means both: the broker has confirmed the event, and the deletion of its row is committed.</summary>
public sealed class PublishedTests : MessagingTest
{
    [Fact]
    public async Task A_confirmed_event_counts_as_published_only_once_its_deletion_is_committed()
    {
        var service = await ServiceAsync();
        var report = service.Services.GetRequiredService<IOutboxReport>();
        var probe = await ProbeAsync(TicketEvents.Opened);
        await Database.ExecuteAsync("""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''refused at the commit''; END';
            CREATE CONSTRAINT TRIGGER refuse AFTER DELETE ON outbox DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()
            """);
        var ticket = await service.OpenAsync();

        await probe.CountIsAsync(2); // the second one is published after the first one's commit has failed
        var ready = await report.ReadAsync(10, default);
        Assert.Equal((1, 0), (ready.Waiting, ready.Published!.Count));

        await Database.ExecuteAsync("DROP TRIGGER refuse ON outbox");
        var view = await Eventually.IsAsync("it is published", () => report.ReadAsync(10, default),
            view => (view.Waiting, view.Published!.Count) == (0, 1));
        Assert.Equal(ticket.Id.ToString(), Assert.Single(view.Published!.Last).Stream);
    }
}

/// <summary>What cannot be sent from the log is parked too.</summary>
public sealed class LogTailingOutboxReportTests : OutboxReportTests
{
    internal override RelayKind Relay => RelayKind.LogTailing;
}
