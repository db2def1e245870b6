using Microsoft.Extensions.DependencyInjection;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging.Operations;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>Many dead letters: by cause, and retried or discarded at a rate, by a job that any instance shows and cancels.</summary>
public sealed class RedriveJobsTests : MessagingTest
{
    private const string Queue = "ordering.effect";
    private const string Dead = Queue + ".dead";

    private volatile bool _failing = true;

    [Fact]
    public async Task Dead_letters_are_grouped_by_cause()
    {
        var service = await DeadServiceAsync("a1", "a2", "b1");

        var groups = await GroupsAsync(service);

        Assert.Equal([(2, "System.InvalidOperationException", "a is out of order"), (1, "System.TimeoutException", "b is late")],
            groups.Groups.Select(group => (group.Count, group.Exception!, group.Why)));
        Assert.All(groups.Groups, group => Assert.Equal((Queue, "inventory.stock-replenished.v1"), (group.Queue, group.EventType)));
        Assert.Contains("RedriveJobsTests", groups.Groups[0].Frame, StringComparison.Ordinal); // the test's own code failed
        Assert.True(groups.Groups[0].Oldest <= groups.Groups[0].Newest);
        Assert.False(groups.Truncated);
        await using var scope = service.Services.CreateAsyncScope();
        Assert.True((await scope.ServiceProvider.GetRequiredService<IDeadLetterQueues>().GroupAsync(1, CancellationToken.None)).Truncated);
        await DeadAsync(3); // looking changes nothing
    }

    [Fact]
    public async Task A_group_is_retried_alone_and_a_second_retry_changes_nothing()
    {
        var service = await DeadServiceAsync("a1", "b1", "a2");
        var group = (await GroupsAsync(service)).Groups[0].Group;
        _failing = false;

        var job = await EndedAsync(service, await StartAsync(service, "retry", group));
        Assert.Equal(("finished", 2, 2, 0), (job.State, job.Total, job.Moved, job.Left));
        await Eventually.HoldsAsync("both had their effect", async () => await service.CountEffectsAsync("a1") + await service.CountEffectsAsync("a2") == 2);
        Assert.Equal(0, await service.CountEffectsAsync("b1"));

        var again = await EndedAsync(service, await StartAsync(service, "retry", group));
        Assert.Equal(("finished", 0, 0), (again.State, again.Total, again.Moved));
        Assert.Equal((1, 1), (await service.CountEffectsAsync("a1"), await service.CountEffectsAsync("a2")));
        await DeadAsync(1);
    }

    /// <summary>Otherwise a job on a cause that is not mended would never end.</summary>
    [Fact]
    public async Task A_message_that_fails_again_is_moved_once()
    {
        var service = await DeadServiceAsync("a1", "a2");

        var job = await EndedAsync(service, await StartAsync(service, "retry", group: null, perSecond: 1));

        Assert.Equal(("finished", 2), (job.State, job.Moved));
        await DeadAsync(2);
        await using var scope = service.Services.CreateAsyncScope();
        Assert.All(await scope.ServiceProvider.GetRequiredService<IDeadLetterQueues>().ListAsync(Queue, 10, CancellationToken.None),
            letter => Assert.Equal(2, letter.Deaths));
    }

    [Fact]
    public async Task A_job_runs_at_its_rate_alone_on_its_queue_until_it_is_cancelled()
    {
        var service = await DeadServiceAsync("a1", "a2", "a3", "a4", "a5", "a6");
        _failing = false;
        var jobs = service.Services.GetRequiredService<RedriveJobs>();
        var id = await StartAsync(service, "retry", group: null, perSecond: 1);

        var (other, started) = await jobs.StartAsync(Order("discard", null, 50, "in the way"), CancellationToken.None);
        Assert.Equal((id, false, "running"), (other.Id, started, other.State));
        await Eventually.IsAsync("one is moved", () => jobs.FindAsync(id, CancellationToken.None), job => job!.Moved >= 1);
        var cancelled = await jobs.CancelAsync(id, "grace", CancellationToken.None);
        Assert.Equal(("cancelled", "grace", 6), (cancelled!.State, cancelled.CancelledBy, cancelled.Total));
        Assert.InRange(cancelled.Moved, 1, 5);

        var next = await EndedAsync(service, await StartAsync(service, "retry", group: null, perSecond: 1_000));
        await Eventually.HoldsAsync("all had their effect", async () =>
            await Database.ScalarAsync<long>("SELECT count(*) FROM effects") == 6 && await Broker.CountReadyAsync(Dead) == 0);
        Assert.InRange(next.Moved, 1, 5);
        Assert.Equal("cancelled", (await jobs.CancelAsync(id, "somebody else", CancellationToken.None))!.State);
        Assert.Null(await jobs.CancelAsync(Guid.CreateVersion7(), "grace", CancellationToken.None));

        var audit = await service.Services.GetRequiredService<AuditTrail>().ReadAsync(10, CancellationToken.None);
        Assert.Equal(["retry dead letters by ada: finished", "cancel job by grace: ", "retry dead letters by ada: cancelled"],
            audit.Select(entry => $"{entry.Action} by {entry.By}: {entry.Detail}"));
        Assert.Equal(next.Moved, audit[0].Count);
    }

    [Fact]
    public async Task A_group_is_discarded_with_the_reason()
    {
        var service = await DeadServiceAsync("a1", "b1");
        var group = (await GroupsAsync(service)).Groups.Single(group => group.Why.StartsWith('b')).Group;

        var job = await EndedAsync(service, await StartAsync(service, "discard", group, reason: "too late for anybody"));

        Assert.Equal(("finished", 1), (job.State, job.Moved));
        await using var scope = service.Services.CreateAsyncScope();
        var queues = scope.ServiceProvider.GetRequiredService<IDeadLetterQueues>();
        var discarded = Assert.Single(await queues.ListDiscardedAsync(10, CancellationToken.None));
        Assert.Equal(("too late for anybody", "ada", "b is late"), (discarded.Discarded!.Reason, discarded.Discarded.By, discarded.Why));
        Assert.Equal("a is out of order", Assert.Single(await queues.ListAsync(Queue, 10, CancellationToken.None)).Why);

        // It is found by its id and by its aggregate, and is no entry of its own beside the job's.
        var journey = scope.ServiceProvider.GetRequiredService<IJourneyReport>();
        foreach (var view in (JourneyView[])[await journey.ReadAsync([Guid.Parse(discarded.Id)], null, default), await journey.ReadAsync([], "b1", default)])
        {
            var one = Assert.Single(view.Discarded);
            Assert.Equal((discarded.Id, discarded.EventType, Queue, "ada", "too late for anybody"), (one.Id, one.Type, one.Queue, one.By, one.Reason));
        }

        Assert.Empty((await journey.ReadAsync([Guid.CreateVersion7()], "another stream", default)).Discarded);
        Assert.Equal(["discard dead letters"], (await service.Services.GetRequiredService<AuditTrail>().ReadAsync(10, default)).Select(entry => entry.Action));
    }

    /// <summary>The entry of a discard is written before it: a crash in between leaves the message, and it is handled later.</summary>
    [Fact]
    public async Task What_was_handled_or_is_still_dead_after_an_interrupted_discard_is_not_said_to_be_discarded()
    {
        var service = await DeadServiceAsync("a1");
        await using var scope = service.Services.CreateAsyncScope();
        var journey = scope.ServiceProvider.GetRequiredService<IJourneyReport>();
        var letter = Assert.Single(await scope.ServiceProvider.GetRequiredService<IDeadLetterQueues>().ListAsync(Queue, 10, default));
        await Assert.ThrowsAsync<TimeoutException>(() => service.Services.GetRequiredService<AuditTrail>().RecordAsync(
            "eve", "discard dead letter", $"{Queue} {letter.Id}", "a crash", () => throw new TimeoutException(), default));
        await Eventually.IsAsync("it is dead, and not discarded", () => journey.ReadAsync([Guid.Parse(letter.Id)], null, default),
            view => view is { DeadLetters.Count: 1, Discarded.Count: 0 });

        _failing = false;
        await EndedAsync(service, await StartAsync(service, "retry", group: null));

        await Eventually.IsAsync("it is handled, and not discarded", () => journey.ReadAsync([Guid.Parse(letter.Id)], null, default),
            view => view is { Handled.Count: 1, Discarded.Count: 0 });
    }

    [Fact]
    public async Task A_job_whose_instance_died_counts_as_interrupted_and_blocks_no_other()
    {
        var service = await DeadServiceAsync("a1");
        _failing = false;
        await Database.ExecuteAsync($"""
            INSERT INTO operations_jobs (id, kind, queue, per_second, started_by, state, total, moved, left_over, started_at, seen_at)
            VALUES ('{Guid.CreateVersion7()}', 'retry', '{Queue}', 1, 'grace', 'running', 9, 3, 0, now() - interval '1 hour', now() - interval '2 minutes')
            """);

        Assert.Equal("finished", (await EndedAsync(service, await StartAsync(service, "retry", group: null))).State);

        var jobs = await service.Services.GetRequiredService<RedriveJobs>().ListAsync(CancellationToken.None);
        Assert.Equal(["finished", "interrupted"], jobs.Select(job => job.State));
    }

    private static RedriveOrder Order(string kind, string? group, int perSecond, string? reason) => new(kind, Queue, group, perSecond, reason, "ada");

    private static async Task<Guid> StartAsync(TestService service, string kind, string? group, int perSecond = 50, string? reason = null)
    {
        var (job, started) = await service.Services.GetRequiredService<RedriveJobs>().StartAsync(Order(kind, group, perSecond, reason), CancellationToken.None);
        Assert.True(started, $"{job} runs already");
        return job.Id;
    }

    private static async Task<RedriveJob> EndedAsync(TestService service, Guid id) => (await Eventually.IsAsync("the job has ended",
        () => service.Services.GetRequiredService<RedriveJobs>().FindAsync(id, CancellationToken.None), job => job!.State != "running"))!;

    private static async Task<DeadLetterGroups> GroupsAsync(TestService service)
    {
        await using var scope = service.Services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<IDeadLetterQueues>().GroupAsync(1_000, CancellationToken.None);
    }

    private Task DeadAsync(int count) =>
        Eventually.HoldsAsync($"there are {count} dead letters", async () => await Broker.CountReadyAsync(Dead) == count);

    /// <summary>A service with a dead letter for each name; those with a and those with b fail for different reasons, until they are mended.</summary>
    private async Task<TestService> DeadServiceAsync(params string[] names)
    {
        var service = await ServiceAsync(consumes: true, relay: false);
        service.Script.Act = (@event, _) => !_failing ? Task.CompletedTask
            : @event.Sku.StartsWith('a') ? throw new InvalidOperationException("a is out of order") : throw new TimeoutException("b is late");
        for (var i = 0; i < names.Length; i++)
        {
            var now = TimeProvider.System.GetUtcNow();
            await PublishAsync(new StockReplenished(Guid.CreateVersion7(now), now, names[i], 1, 1, 1), headers: new Dictionary<string, object> { ["aggregate-id"] = names[i] });
        }

        await DeadAsync(names.Length);
        return service;
    }
}
