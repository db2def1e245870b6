using Microsoft.Extensions.DependencyInjection;
using Shop.Messaging.Operations;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>Many parked events: by cause, and retried or discarded at a rate, by the same jobs as dead letters.</summary>
public sealed class ParkedJobsTests : MessagingTest
{
    private static readonly Dictionary<string, string?> s_longDelays = new()
    {
        ["Messaging:FirstRetryDelay"] = "01:00:00",
        ["Messaging:MaxRetryDelay"] = "01:00:00",
    };

    [Fact]
    public async Task Parked_streams_are_grouped_by_cause_and_a_group_is_retried_alone()
    {
        var service = await ServiceAsync(settings: s_longDelays);
        var (groups, report) = (await ParkedAsync(service, streams: 3), service.Services.GetRequiredService<IOutboxReport>());
        Assert.Equal([(2, 1), (1, 0)], groups.Select(group => (group.Streams, group.Behind)));
        Assert.Equal([TicketEvents.Opened, "nobody.knows.v1"], groups.Select(group => group.Type));
        Assert.All(groups, group => Assert.Equal(1, group.Attempts));
        Assert.Equal(3, (await report.ListParkedOfGroupAsync(groups[0].Group, 10, CancellationToken.None)).Count); // with the one behind
        Assert.Single(await report.GroupParkedAsync(1, CancellationToken.None));

        var (opened, touched) = (await ProbeAsync(TicketEvents.Opened), await ProbeAsync(TicketEvents.Touched));
        var job = await EndedAsync(service, await StartAsync(service, "retry", groups[0].Group));

        Assert.Equal(("finished", 2, 2, 0), (job.State, job.Total, job.Moved, job.Left));
        await opened.CountIsAsync(2);
        await touched.CountIsAsync(1);
        Assert.Equal(groups[1], Assert.Single(await report.GroupParkedAsync(10, CancellationToken.None))); // not tried
    }

    /// <summary>Otherwise a job on a cause that is not mended would never end, or say that it went well.</summary>
    [Fact]
    public async Task What_the_broker_refuses_again_is_tried_once_and_counted()
    {
        var service = await ServiceAsync(settings: s_longDelays);
        await ParkedAsync(service, streams: 2);

        var job = await EndedAsync(service, await StartAsync(service, "retry", group: null, perSecond: 1));

        Assert.Equal(("finished", 2, 2, 2), (job.State, job.Total, job.Moved, job.Left));
        Assert.InRange((job.EndedAt - job.StartedAt)!.Value.TotalSeconds, 0.9, 60); // the second one a second later
        Assert.All(await service.Services.GetRequiredService<IOutboxReport>().GroupParkedAsync(10, CancellationToken.None), group => Assert.Equal(2, group.Attempts));
    }

    [Fact]
    public async Task A_job_runs_alone_at_its_rate_until_it_is_cancelled()
    {
        var service = await ServiceAsync(settings: s_longDelays);
        await ParkedAsync(service, streams: 6);
        var jobs = service.Services.GetRequiredService<RedriveJobs>();
        var id = await StartAsync(service, "retry", group: null, perSecond: 1);

        var (other, started) = await jobs.StartAsync(Order("discard", null, 50, "in the way"), CancellationToken.None);
        Assert.Equal((id, false, "running"), (other.Id, started, other.State));
        await Eventually.IsAsync("one is tried", () => jobs.FindAsync(id, CancellationToken.None), job => job!.Moved >= 1);
        var cancelled = await jobs.CancelAsync(id, "grace", CancellationToken.None);

        Assert.Equal(("cancelled", "grace", 6), (cancelled!.State, cancelled.CancelledBy, cancelled.Total));
        Assert.InRange(cancelled.Moved, 1, 5);
        Assert.Equal(["cancel job by grace", "retry parked events by ada"], (await service.Services.GetRequiredService<AuditTrail>().ReadAsync(10, CancellationToken.None))
            .Select(entry => $"{entry.Action} by {entry.By}"));
    }

    [Fact]
    public async Task A_group_is_discarded_with_the_reason_and_what_is_behind_is_sent_without_it()
    {
        var service = await ServiceAsync(settings: s_longDelays);
        var groups = await ParkedAsync(service, streams: 3);
        var touched = await ProbeAsync(TicketEvents.Touched);

        var job = await EndedAsync(service, await StartAsync(service, "discard", groups[0].Group, reason: "too late for anybody"));

        Assert.Equal(("finished", 2, 2), (job.State, job.Total, job.Moved));
        await touched.CountIsAsync(1);
        Assert.Equal(2, await Database.ScalarAsync<long>("SELECT count(*) FROM outbox_discarded WHERE reason = 'too late for anybody' AND discarded_by = 'ada'"));
        Assert.Equal("discard parked events: 2 finished", Assert.Single((await service.Services.GetRequiredService<AuditTrail>().ReadAsync(10, CancellationToken.None))
            .Select(entry => $"{entry.Action}: {entry.Count} {entry.Detail}")));
    }

    /// <summary>Streams of tickets that nobody receives, the last one of another type, the first one with an event behind.</summary>
    private async Task<IReadOnlyList<ParkedGroup>> ParkedAsync(TestService service, int streams)
    {
        for (var i = 0; i < streams; i++)
        {
            var ticket = await service.OpenAsync();
            if (i == 0)
            {
                await service.WorkAsync(async db =>
                {
                    (await db.Tickets.FindAsync(ticket.Id))!.Touch(TimeProvider.System.GetUtcNow());
                    await db.SaveChangesAsync();
                });
            }
        }

        var report = service.Services.GetRequiredService<IOutboxReport>();
        await Eventually.IsAsync("all are parked", () => report.ReadAsync(10, CancellationToken.None),
            view => view.Streams.Count == streams && view.Parked == streams + 1 && view.Streams.All(stream => stream.Attempts == 1));
        await Database.ExecuteAsync("UPDATE outbox_parked SET type = 'nobody.knows.v1' WHERE seq = (SELECT max(seq) FROM outbox_parked)");
        return await report.GroupParkedAsync(10, CancellationToken.None);
    }

    private static RedriveOrder Order(string kind, string? group, int perSecond, string? reason) => new(kind, RedriveOrder.Outbox, group, perSecond, reason, "ada");

    private static async Task<Guid> StartAsync(TestService service, string kind, string? group, int perSecond = 50, string? reason = null)
    {
        var (job, started) = await service.Services.GetRequiredService<RedriveJobs>().StartAsync(Order(kind, group, perSecond, reason), CancellationToken.None);
        Assert.True(started);
        return job.Id;
    }

    private static async Task<RedriveJob> EndedAsync(TestService service, Guid id) => (await Eventually.IsAsync("the job has ended",
        () => service.Services.GetRequiredService<RedriveJobs>().FindAsync(id, CancellationToken.None), job => job!.State != "running"))!;
}
