using System.Collections.Concurrent;
using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>M6: a consumer processes each event once, and its effects, its inbox row and its events are one transaction.</summary>
public sealed class InboxTests : MessagingTest
{
    private const string Queue = "ordering.effect";

    /// <summary>More than the attempts that a failure has, and fewer than those of a conflict.</summary>
    private const int Conflicts = 12;

    [Fact]
    public async Task A_duplicate_is_acknowledged_and_not_processed()
    {
        var service = await ServiceAsync(consumes: true);
        var @event = Event("tea");

        await PublishAsync(@event);
        await PublishAsync(@event);
        await PublishAsync(@event);
        await DrainedAsync(service, "tea");

        Assert.Equal(1, await service.CountEffectsAsync("tea"));
        Assert.Equal(0, await Broker.CountReadyAsync(Queue + ".dead"));
    }

    [Fact]
    public async Task Without_its_inbox_row_a_duplicate_is_processed_twice()
    {
        // The negative control of the test above: the effect has no natural key, so only the inbox holds it back.
        var service = await ServiceAsync(consumes: true);
        var @event = Event("tea");
        await PublishAsync(@event);
        await DrainedAsync(service, "tea");

        await Database.ExecuteAsync("DELETE FROM inbox");
        await PublishAsync(@event);

        await Eventually.HoldsAsync("the repeat acts again", async () => await service.CountEffectsAsync("tea") == 2);
    }

    [Fact]
    public async Task Concurrent_duplicates_are_processed_once()
    {
        var service = await ServiceAsync(consumes: true);
        var events = Enumerable.Range(0, 20).Select(i => Event($"sku-{i}")).ToList();

        await Parallel.ForEachAsync(Enumerable.Range(0, 100), new ParallelOptions { MaxDegreeOfParallelism = 8 },
            async (i, _) => await PublishAsync(events[i % 20]));
        await PublishAsync(Event("last"));
        await DrainedAsync(service, "last");

        Assert.Equal(21, await service.WorkAsync(db => db.Effects.CountAsync()));
        Assert.Equal(21, await service.WorkAsync(db => db.Tickets.CountAsync()));
        Assert.Equal(0, await Broker.CountReadyAsync(Queue + ".dead"));
    }

    [Fact]
    public async Task Effects_and_events_of_a_failing_consumer_are_rolled_back_until_an_attempt_succeeds()
    {
        var service = await ServiceAsync(consumes: true, relay: false);
        service.Script.Act = async (_, db) =>
        {
            await db.SaveChangesAsync();
            if (service.Script.Attempts < 3)
            {
                throw new InvalidOperationException("not yet");
            }
        };

        await PublishAsync(Event("tea"));
        await DrainedAsync(service, "tea");

        Assert.Equal(3, service.Script.Attempts);
        Assert.Equal(1, await service.CountEffectsAsync("tea"));
        Assert.Equal(1, await Database.ScalarAsync<long>("SELECT count(*) FROM outbox"));
    }

    [Fact]
    public async Task A_unique_violation_of_a_business_constraint_is_not_a_duplicate()
    {
        var service = await ServiceAsync(consumes: true);
        await service.WorkAsync(async db =>
        {
            db.Things.Add(new UniqueThing { Name = "taken" });
            await db.SaveChangesAsync();
        });
        service.Script.Act = (_, db) =>
        {
            db.Things.Add(new UniqueThing { Name = "taken" });
            return Task.CompletedTask;
        };

        await PublishAsync(Event("tea"));

        await Eventually.HoldsAsync("the message is a dead letter", async () => await Broker.CountReadyAsync(Queue + ".dead") == 1);
        Assert.Equal(0, await service.CountEffectsAsync("tea"));
        Assert.Equal(0, await Database.ScalarAsync<long>("SELECT count(*) FROM inbox"));
    }

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)] // how many rows an update met is looked at before the commit
    public async Task A_save_that_only_inserts_commits_in_its_round_trip(bool updates, bool together)
    {
        var sent = new SentCommands();
        var service = await ServiceAsync(consumes: true, relay: false, services: services =>
            services.ConfigureDbContext<TicketDbContext>(options => options.AddInterceptors(sent)));
        await ScriptAsync(service, updates);

        await PublishAsync(Event("tea"));
        await DrainedAsync(service, "tea");

        var save = Assert.Single(sent.Texts, text => text.Contains("INSERT INTO inbox ", StringComparison.Ordinal));
        Assert.Equal(together, save.EndsWith("COMMIT;", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_consumer_that_saves_stale_data_has_no_effect_until_it_is_retried()
    {
        var service = await ServiceAsync(consumes: true, relay: false);
        var id = (await service.OpenAsync()).Id;
        service.Script.Act = async (@event, db) =>
        {
            var stale = (await db.Tickets.FindAsync(id))!;
            if (service.Script.Attempts == 1)
            {
                await service.WorkAsync(async other =>
                {
                    (await other.Tickets.FindAsync(id))!.Touch(@event.OccurredAt);
                    await other.SaveChangesAsync();
                });
            }

            stale.Touch(@event.OccurredAt);
        };

        await PublishAsync(Event("tea"));
        await DrainedAsync(service, "tea");

        Assert.Equal(2, service.Script.Attempts);
        Assert.Equal(1, await service.CountEffectsAsync("tea"));
        Assert.Equal(2, await Database.ScalarAsync<int>($"SELECT touches FROM tickets WHERE id = '{id}'"));
    }

    [Fact]
    public async Task A_consumer_whose_second_batch_fails_is_rolled_back()
    {
        var service = await ServiceAsync(consumes: true, relay: false);
        await Database.ExecuteAsync("INSERT INTO things (name) VALUES ('taken')");
        service.Script.Act = (_, db) =>
        {
            db.Effects.AddRange(Enumerable.Range(0, 1_100).Select(i => new Effect { What = $"effect {i}" }));
            db.Things.Add(new UniqueThing { Name = "taken" });
            return Task.CompletedTask;
        };

        await PublishAsync(Event("tea"));

        await Eventually.HoldsAsync("the message is a dead letter", async () => await Broker.CountReadyAsync(Queue + ".dead") == 1);
        Assert.Equal(0, await Database.ScalarAsync<long>("SELECT (SELECT count(*) FROM inbox) + (SELECT count(*) FROM effects)"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_deferred_constraint_fails_the_consumer_with_its_reason(bool updates)
    {
        var service = await ServiceAsync(consumes: true, relay: false);
        await Database.ExecuteAsync("ALTER TABLE effects ADD CONSTRAINT late UNIQUE (what) DEFERRABLE INITIALLY DEFERRED");
        await ScriptAsync(service, updates);
        await PublishAsync(Event("tea"));
        await DrainedAsync(service, "tea");

        await PublishAsync(Event("tea"));

        await Eventually.HoldsAsync("the message is a dead letter", async () => await Broker.CountReadyAsync(Queue + ".dead") == 1);
        var letter = Assert.Single(await Broker.PeekAsync(Queue + ".dead"));
        Assert.Contains("late", letter.Header("MT-Fault-Message"), StringComparison.Ordinal);
        Assert.Equal(1, await Database.ScalarAsync<long>("SELECT count(*) FROM inbox"));
        Assert.Equal(1, await service.CountEffectsAsync("tea"));
    }

    [Fact]
    public async Task A_concurrency_conflict_at_the_commit_is_retried_more_often_than_a_failure()
    {
        var service = await ServiceAsync(consumes: true, relay: false, settings: new Dictionary<string, string?>
        {
            ["Messaging:ImmediateRetries"] = "1", // so a failure has six attempts
        });
        await Database.ExecuteAsync($"""
            CREATE SEQUENCE commits;
            CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF nextval('commits') <= {Conflicts} THEN
                    RAISE EXCEPTION 'somebody was quicker' USING ERRCODE = 'serialization_failure';
                END IF;
                RETURN NULL;
            END $$;
            CREATE CONSTRAINT TRIGGER lose AFTER INSERT ON effects DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION lose();
            """);

        await PublishAsync(Event("tea"));
        await DrainedAsync(service, "tea");

        Assert.Equal(Conflicts + 1, service.Script.Attempts);
        Assert.Equal(1, await service.CountEffectsAsync("tea"));
        Assert.Equal(0, await Broker.CountReadyAsync(Queue + ".dead"));
    }

    [Fact]
    public async Task A_duplicate_that_fails_on_its_own_effects_is_not_a_failure()
    {
        var service = await ServiceAsync(consumes: true);
        service.Script.Act = (_, _) => service.Script.Attempts > 1
            ? throw new InvalidOperationException("this was done already")
            : Task.CompletedTask;
        var @event = Event("tea");

        await PublishAsync(@event);
        await DrainedAsync(service, "tea");
        await PublishAsync(@event);
        await Eventually.HoldsAsync("the repeat was looked at", () => service.Script.Attempts >= 2);

        await Eventually.HoldsAsync("the queue is empty", async () => await UnsettledAsync() == 0);
        Assert.Equal(0, await Broker.CountReadyAsync(Queue + ".dead"));
        Assert.Equal(1, await service.CountEffectsAsync("tea"));
    }

    [Fact]
    public async Task An_unavailable_database_loses_and_dead_letters_no_message()
    {
        // Fewer tries than outages, so that a message which is blamed for an outage is given up.
        var service = await ServiceAsync(consumes: true, settings: new Dictionary<string, string?> { ["Messaging:ImmediateRetries"] = "0" });
        var outages = 0;
        service.Script.Act = async (@event, _) =>
        {
            if (@event.Sku == "sku-4" && Interlocked.Increment(ref outages) <= 4)
            {
                await Database.CloseConnectionsAsync();
            }
        };

        for (var i = 0; i < 10; i++)
        {
            await PublishAsync(Event($"sku-{i}"));
        }

        await Eventually.HoldsAsync("every message is settled", async () =>
            await service.WorkAsync(db => db.Effects.CountAsync()) + await Broker.CountReadyAsync(Queue + ".dead") == 10);
        Assert.Equal(5, outages);
        Assert.Equal(0, await Broker.CountReadyAsync(Queue + ".dead"));
    }

    private static StockReplenished Event(string sku)
    {
        var now = TimeProvider.System.GetUtcNow();
        return new StockReplenished(Guid.CreateVersion7(now), now, sku, 1, 1, 1);
    }

    /// <summary>Has the consumer change a row beside those that it adds, or not.</summary>
    private static async Task ScriptAsync(TestService service, bool updates)
    {
        var ticket = await service.OpenAsync();
        if (updates)
        {
            service.Script.Act = async (@event, db) => (await db.Tickets.FindAsync(ticket.Id))!.Touch(@event.OccurredAt);
        }
    }

    private async Task DrainedAsync(TestService service, string sku)
    {
        await Eventually.HoldsAsync($"{sku} has its effect", async () => await service.CountEffectsAsync(sku) > 0);
        await Eventually.HoldsAsync("the queue is empty", async () => await UnsettledAsync() == 0);
    }

    private async Task<int> UnsettledAsync() =>
        await Broker.QueueAsync(Queue) is { } queue ? queue.Ready + queue.Unacknowledged : -1;

    /// <summary>What a service's contexts send, in the words that they send it in.</summary>
    private sealed class SentCommands : DbCommandInterceptor
    {
        public ConcurrentQueue<string> Texts { get; } = [];

        public override ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
            DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default)
        {
            Texts.Enqueue(command.CommandText);
            return ValueTask.FromResult(result);
        }
    }
}
