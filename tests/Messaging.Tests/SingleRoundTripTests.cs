using Microsoft.EntityFrameworkCore;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>M1 for saves without BEGIN and COMMIT, with the pitfalls of disabling EF's automatic transactions.</summary>
public class SingleRoundTripTests : MessagingTest
{
    private const int MoreThanOneBatch = 1_100;

    [Theory]
    [InlineData(AutoTransactionBehavior.WhenNeeded, 0)]
    [InlineData(AutoTransactionBehavior.Never, 1_000)] // the negative control: the first batch is committed
    public async Task A_failed_save_of_several_batches_is_rolled_back(AutoTransactionBehavior behavior, int left)
    {
        var service = await ServiceAsync(relay: false);
        await AddThingAsync(service, "taken");

        await Assert.ThrowsAsync<DbUpdateException>(() => service.WorkAsync(async db =>
        {
            db.Database.AutoTransactionBehavior = behavior;
            db.Effects.AddRange(Enumerable.Range(0, MoreThanOneBatch).Select(i => new Effect { What = $"effect {i}" }));
            db.Things.Add(new UniqueThing { Name = "taken" });
            db.Tickets.Add(Ticket.Open(TimeProvider.System.GetUtcNow()));
            await db.SaveChangesAsync();
        }));

        Assert.Equal(left, await CountAllAsync());
    }

    [Theory]
    [InlineData(AutoTransactionBehavior.WhenNeeded, 2)]
    [InlineData(AutoTransactionBehavior.Never, 3)] // the negative control: the event of a change that did not happen
    public async Task A_save_from_stale_data_stores_no_event(AutoTransactionBehavior behavior, int events)
    {
        var service = await ServiceAsync(relay: false);
        var id = (await service.OpenAsync()).Id;

        await Assert.ThrowsAsync<DbUpdateConcurrencyException>(() => service.WorkAsync(async db =>
        {
            var stale = (await db.Tickets.FindAsync(id))!;
            await service.WorkAsync(async other =>
            {
                (await other.Tickets.FindAsync(id))!.Touch(TimeProvider.System.GetUtcNow());
                await other.SaveChangesAsync();
            });
            db.Database.AutoTransactionBehavior = behavior;
            stale.Touch(TimeProvider.System.GetUtcNow());
            await db.SaveChangesAsync();
        }));

        Assert.Equal(events, await CountStoredAsync());
    }

    [Theory]
    [InlineData("effects", "what")]
    [InlineData("tickets", "touches")]
    public async Task A_deferred_constraint_fails_the_save_that_violates_it(string table, string column)
    {
        var service = await ServiceAsync(relay: false);
        await Database.ExecuteAsync($"ALTER TABLE {table} ADD CONSTRAINT late UNIQUE ({column}) DEFERRABLE INITIALLY DEFERRED");
        await OpenWithEffectAsync(service);

        await Assert.ThrowsAsync<DbUpdateException>(() => OpenWithEffectAsync(service));

        Assert.Equal(3, await CountAllAsync());
    }

    private async Task<long> CountAllAsync() => await CountStoredAsync()
        + await Database.ScalarAsync<long>("SELECT (SELECT count(*) FROM effects) + (SELECT count(*) FROM tickets)");

    private static Task OpenWithEffectAsync(TestService service) => service.WorkAsync(async db =>
    {
        db.Effects.Add(new Effect { What = "same" });
        db.Tickets.Add(Ticket.Open(TimeProvider.System.GetUtcNow()));
        await db.SaveChangesAsync();
    });

    private static Task AddThingAsync(TestService service, string name) => service.WorkAsync(async db =>
    {
        db.Things.Add(new UniqueThing { Name = name });
        await db.SaveChangesAsync();
    });
}
