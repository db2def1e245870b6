using Microsoft.EntityFrameworkCore;
using Shop.Contracts.Ordering.V1;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests.Mistakes;

/// <summary>
/// Without an outbox: two writes, to the database and to the broker, and no order of them is right. The change here is a thing, which
/// records no event: the outbox has no part in it. docs/choosing.md shows the results.
/// </summary>
public sealed class DualWriteTests : MessagingTest
{
    [Fact]
    public async Task Published_before_the_commit_an_event_reports_a_change_that_was_rolled_back()
    {
        var service = await ServiceAsync(relay: false);
        var probe = await ProbeAsync(TicketEvents.Opened);
        await service.WorkAsync(db => AddAsync(db, "taken"));

        await Assert.ThrowsAsync<DbUpdateException>(() => service.WorkAsync(async db =>
        {
            await PublishAsync(Shipped());
            await AddAsync(db, "taken");
        }));

        await probe.CountIsAsync(1);
        Assert.Equal(1, await Database.ScalarAsync<long>("SELECT count(*) FROM things"));
    }

    [Fact]
    public async Task Published_after_the_commit_an_event_is_lost_in_a_crash_between_the_two()
    {
        var crashed = await ServiceAsync(relay: false);
        var probe = await ProbeAsync(TicketEvents.Opened);
        await crashed.WorkAsync(db => AddAsync(db, "stored")); // here the process ends, before: await PublishAsync(Shipped());
        await crashed.DisposeAsync();

        var restarted = await ServiceAsync(migrate: false);
        var ticket = await restarted.OpenAsync(); // the next event arrives, so nothing else is under way

        await probe.CountIsAsync(1);
        await OutboxIsEmptyAsync();
        Assert.Equal(ticket.Id.ToString(), Assert.Single(probe.Received).Stream);
        Assert.Equal(1, await Database.ScalarAsync<long>("SELECT count(*) FROM things"));
    }

    private static async Task AddAsync(TicketDbContext db, string name)
    {
        db.Things.Add(new UniqueThing { Name = name });
        await db.SaveChangesAsync();
    }

    private static OrderShipped Shipped() =>
        new(Guid.CreateVersion7(), TimeProvider.System.GetUtcNow(), Guid.CreateVersion7(), 1, "nobody");
}
