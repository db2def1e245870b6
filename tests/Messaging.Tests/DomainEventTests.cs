using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Shop.Messaging.DomainEvents;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>What happens around SaveChanges: before the commit together, after the commit on its own.</summary>
public sealed class DomainEventTests : MessagingTest
{
    [Fact]
    public async Task A_before_commit_handler_changes_rows_in_the_same_transaction()
    {
        var service = await WithBefore((_, db) => db.Effects.Add(new Effect { What = "handled" }));

        await service.OpenAsync();

        Assert.Equal(1, await service.CountEffectsAsync("handled"));
    }

    [Fact]
    public async Task A_handler_that_throws_before_the_commit_fails_the_save()
    {
        var service = await WithBefore((_, _) => throw new DomainException("no", "no"));

        await Assert.ThrowsAsync<DomainException>(service.OpenAsync);

        Assert.Equal(0, await Database.ScalarAsync<long>("SELECT (SELECT count(*) FROM tickets) + (SELECT count(*) FROM outbox)"));
    }

    [Fact]
    public async Task Events_raised_by_handlers_are_handled_and_published_in_order()
    {
        var service = await WithBefore((opened, db) =>
        {
            var ticket = db.Tickets.Local.Single(t => t.Id == opened.TicketId);
            for (var touch = 0; touch < 9; touch++)
            {
                ticket.Touch(opened.At);
            }
        });

        await service.OpenAsync();

        Assert.Equal([$"{TicketEvents.Opened} 1", .. Enumerable.Range(2, 9).Select(version => $"{TicketEvents.Touched} {version}")],
            await StoredAsync(service));
    }

    [Fact]
    public async Task Handlers_that_keep_raising_events_for_each_other_fail_loudly()
    {
        var service = await WithBefore((opened, db) => db.Tickets.Add(Ticket.Open(opened.At)));

        var error = await Assert.ThrowsAsync<InvalidOperationException>(service.OpenAsync);

        Assert.Contains(nameof(TicketOpened), error.Message, StringComparison.Ordinal);
        Assert.Equal(0, await Database.ScalarAsync<long>("SELECT count(*) FROM tickets"));
    }

    [Fact]
    public async Task Saving_after_a_failed_handler_throws_until_the_context_is_cleared()
    {
        var fail = true;
        var service = await WithBefore((_, _) => _ = fail ? throw new DomainException("no", "no") : 0);

        await service.WorkAsync(async db =>
        {
            db.Tickets.Add(Ticket.Open(TimeProvider.System.GetUtcNow()));
            await Assert.ThrowsAsync<DomainException>(() => db.SaveChangesAsync());
            await Assert.ThrowsAsync<InvalidOperationException>(() => db.SaveChangesAsync());
            Assert.Equal(0, await Database.ScalarAsync<long>("SELECT count(*) FROM tickets"));

            fail = false;
            db.ChangeTracker.Clear();
            db.Tickets.Add(Ticket.Open(TimeProvider.System.GetUtcNow()));
            await db.SaveChangesAsync();
        });

        Assert.Equal(1, await Database.ScalarAsync<long>("SELECT count(*) FROM outbox"));
    }

    [Fact]
    public async Task An_after_commit_handler_sees_committed_data_and_its_exceptions_do_not_propagate()
    {
        var seen = new List<long>();
        var service = await WithAfter(async () =>
        {
            seen.Add(await Database.ScalarAsync<long>("SELECT count(*) FROM tickets"));
            throw new InvalidOperationException("too late to matter");
        });

        await service.OpenAsync();

        Assert.Equal([1], seen);
    }

    [Fact]
    public async Task An_after_commit_handler_waits_for_the_outermost_transaction_and_does_not_run_after_a_rollback()
    {
        var calls = 0;
        var service = await WithAfter(() =>
        {
            calls++;
            return Task.CompletedTask;
        });

        await service.WorkAsync(async db =>
        {
            await using var rolledBack = await db.Database.BeginTransactionAsync();
            db.Tickets.Add(Ticket.Open(TimeProvider.System.GetUtcNow()));
            await db.SaveChangesAsync();
            await rolledBack.RollbackAsync();
            Assert.Equal(0, calls);
        });
        await service.WorkAsync(async db =>
        {
            await using var committed = await db.Database.BeginTransactionAsync();
            db.Tickets.Add(Ticket.Open(TimeProvider.System.GetUtcNow()));
            await db.SaveChangesAsync();
            Assert.Equal(0, calls);
            await committed.CommitAsync();
        });

        Assert.Equal(1, calls);
    }

    private static Task<List<string>> StoredAsync(TestService service) => service.WorkAsync(db => db.Database.SqlQuery<string>(
        $"SELECT type || ' ' || (headers::jsonb ->> 'aggregate-version') AS \"Value\" FROM outbox ORDER BY seq").ToListAsync());

    private Task<TestService> WithBefore(Action<TicketOpened, TicketDbContext> act) => ServiceAsync(relay: false, services: services =>
        services.AddScoped<IDomainEventHandler<TicketOpened>>(scope => new Before(act, scope.GetRequiredService<TicketDbContext>())));

    private Task<TestService> WithAfter(Func<Task> act) => ServiceAsync(relay: false, services: services =>
        services.AddScoped<ICommittedEventHandler<TicketOpened>>(_ => new After(act)));

    private sealed class Before(Action<TicketOpened, TicketDbContext> act, TicketDbContext db) : IDomainEventHandler<TicketOpened>
    {
        public Task HandleAsync(TicketOpened domainEvent, CancellationToken ct)
        {
            act(domainEvent, db);
            return Task.CompletedTask;
        }
    }

    private sealed class After(Func<Task> act) : ICommittedEventHandler<TicketOpened>
    {
        public Task HandleAsync(TicketOpened domainEvent, CancellationToken ct) => act();
    }
}
