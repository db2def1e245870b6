using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Shop.Contracts.Ordering.V1;
using Shop.Messaging.Outbox;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>M1: an event is stored in the same transaction as its change, with either relay strategy.</summary>
public class OutboxTests : MessagingTest
{
    [Fact]
    public async Task A_committed_change_is_published()
    {
        var service = await ServiceAsync();
        var probe = await ProbeAsync(TicketEvents.Opened);

        var ticket = await service.OpenAsync();

        await probe.CountIsAsync(1);
        var message = Assert.Single(probe.Received);
        Assert.Equal((ticket.Id.ToString(), 1, TicketEvents.Opened), (message.Stream, message.Version, message.Type));
        await OutboxIsEmptyAsync();
    }

    [Fact]
    public async Task A_rollback_stores_nothing()
    {
        var service = await ServiceAsync(relay: false);

        await service.WorkAsync(async db =>
        {
            await using var transaction = await db.Database.BeginTransactionAsync();
            db.Tickets.Add(Ticket.Open(TimeProvider.System.GetUtcNow()));
            await db.SaveChangesAsync();
            await transaction.RollbackAsync();
        });

        Assert.Equal((0L, 0L), await StoredAsync());
    }

    [Fact]
    public async Task A_change_that_breaks_a_constraint_stores_no_event()
    {
        var service = await ServiceAsync(relay: false);
        await service.WorkAsync(db => AddThingAsync(db, "taken"));

        await Assert.ThrowsAsync<DbUpdateException>(() => service.WorkAsync(async db =>
        {
            db.Tickets.Add(Ticket.Open(TimeProvider.System.GetUtcNow()));
            await AddThingAsync(db, "taken");
        }));

        Assert.Equal((0L, 0L), await StoredAsync());
    }

    [Fact]
    public async Task An_event_that_is_appended_without_a_domain_event_is_stored_with_its_change_or_not_at_all()
    {
        var service = await ServiceAsync(relay: false);

        await AppendAsync("taken");
        Assert.Equal(1, await CountStoredAsync());
        await Assert.ThrowsAsync<DbUpdateException>(() => AppendAsync("taken"));
        Assert.Equal(1, await CountStoredAsync());

        async Task AppendAsync(string name)
        {
            await using var scope = service.Services.CreateAsyncScope();
            var db = scope.ServiceProvider.GetRequiredService<TicketDbContext>();
            AppendTo(db, scope);
            await AddThingAsync(db, name);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Events_without_any_other_change_are_stored_by_the_save(bool transaction)
    {
        var service = await ServiceAsync(relay: false);
        await using var scope = service.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<TicketDbContext>();
        await using var begun = transaction ? await db.Database.BeginTransactionAsync() : null;
        AppendTo(db, scope);
        AppendTo(db, scope);

        await db.SaveChangesAsync();

        Assert.Equal(transaction ? 0 : 2, await CountStoredAsync());
        await (begun?.CommitAsync() ?? Task.CompletedTask);
        await db.SaveChangesAsync();
        Assert.Equal(2, await CountStoredAsync());
    }

    [Fact]
    public async Task An_event_stays_with_its_change_when_a_failed_save_is_repeated_and_leaves_with_it_when_the_context_is_cleared()
    {
        var service = await ServiceAsync(relay: false);
        await service.WorkAsync(db => AddThingAsync(db, "taken"));
        await using var scope = service.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<TicketDbContext>();
        AppendTo(db, scope);
        await Assert.ThrowsAsync<DbUpdateException>(() => AddThingAsync(db, "taken"));

        db.Entry(db.Things.Local.Single()).State = EntityState.Detached;
        await AddThingAsync(db, "free");
        Assert.Equal(1, await CountStoredAsync());

        AppendTo(db, scope);
        db.ChangeTracker.Clear();
        await AddThingAsync(db, "another");
        Assert.Equal(1, await CountStoredAsync());
    }

    [Fact]
    public async Task Events_of_a_save_of_several_batches_are_stored_in_order_with_the_last()
    {
        var service = await ServiceAsync(relay: false);
        await using var scope = service.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<TicketDbContext>();
        db.Effects.AddRange(Enumerable.Range(0, 2_100).Select(i => new Effect { What = $"effect {i}" }));
        var ids = Enumerable.Range(0, 5).Select(_ => AppendTo(db, scope).ToString()).ToList();

        await db.SaveChangesAsync();

        Assert.Equal(5, await CountStoredAsync());
        Assert.Equal(Relay == RelayKind.LogTailing ? [] : ids, await Database.RowsAsync("SELECT event_id FROM outbox ORDER BY seq"));
    }

    [Fact]
    public async Task A_crash_after_the_commit_is_published_after_the_restart()
    {
        var crashed = await ServiceAsync(relay: false);
        var probe = await ProbeAsync(TicketEvents.Opened);
        await crashed.OpenAsync();
        Assert.Equal((1L, 1L), await StoredAsync());
        await crashed.DisposeAsync();
        Assert.Empty(probe.Received);

        await ServiceAsync(migrate: false);

        await probe.CountIsAsync(1);
        await OutboxIsEmptyAsync();
    }

    [Fact]
    public async Task Events_are_published_later_when_the_broker_was_unavailable()
    {
        var service = await ServiceAsync();
        await Broker.DeclareQueueAsync("kept");
        await Broker.BindAsync(TicketEvents.Opened, "kept");
        await service.OpenAsync();
        await OutboxIsEmptyAsync();

        await Eventually.IsAsync("the relay's connection is broken off", Broker.CloseConnectionsAsync, closed => closed > 0);
        await service.OpenAsync();

        await OutboxIsEmptyAsync();
        var kept = await Broker.PeekAsync("kept"); // what was in flight when the connection was lost is published again
        Assert.Equal(2, kept.Select(message => message.Properties.GetProperty("message_id").GetString()).Distinct().Count());
    }

    private static Guid AppendTo(TicketDbContext db, AsyncServiceScope scope)
    {
        var now = TimeProvider.System.GetUtcNow();
        var shipped = new OrderShipped(Guid.CreateVersion7(now), now, Guid.CreateVersion7(now), 1, "nobody");
        scope.ServiceProvider.GetRequiredService<OutboxAppender>().Append(db, shipped);
        return shipped.EventId;
    }

    private static async Task AddThingAsync(TicketDbContext db, string name)
    {
        db.Things.Add(new UniqueThing { Name = name });
        await db.SaveChangesAsync();
    }

    private async Task<(long Outbox, long Tickets)> StoredAsync() => (
        await CountStoredAsync(), await Database.ScalarAsync<long>("SELECT count(*) FROM tickets"));
}
