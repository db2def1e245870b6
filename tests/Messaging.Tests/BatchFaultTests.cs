using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging.Inbox;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Tests.Harness;
using Shop.Messaging.UnitOfWork;

namespace Shop.Messaging.Tests;

/// <summary>Failures in a batch: only the failing message is retried or dead-lettered, and nothing is processed twice or lost.</summary>
public sealed class BatchFaultTests : BatchTest
{
    [Fact]
    public async Task Of_a_poisoned_batch_only_the_failing_message_is_dead_lettered()
    {
        var (service, script) = await StartAsync(start: false);
        script.Act = (events, _) => events.Any(e => e.Event.Sku == "sku-41")
            ? throw new InvalidOperationException("this one is poison")
            : Task.CompletedTask;
        await PublishAsync([.. Enumerable.Range(0, 100).Select(i => Event($"sku-{i}"))]);

        await service.StartAsync();

        await EffectsAsync(service, 99);
        await Eventually.HoldsAsync("there is a dead letter", async () => await Broker.CountReadyAsync(Queue + ".dead") == 1);
        var dead = Assert.Single(await Broker.PeekAsync(Queue + ".dead"));
        Assert.Equal(("this one is poison", "2"), (dead.Header("MT-Fault-Message"), dead.Header("shop-retries")));
        Assert.Contains("sku-41", dead.Text, StringComparison.Ordinal);
        Assert.Equal(99, await Database.ScalarAsync<long>("SELECT count(*) FROM inbox"));
        await SettledAsync();
        Assert.Equal(Enumerable.Range(0, 100).Where(i => i != 41).Select(i => $"sku-{i}"), script.Batches.SelectMany(batch => batch));
    }

    [Fact]
    public async Task A_malformed_body_is_dead_lettered_and_the_rest_of_the_batch_is_processed()
    {
        var (service, _) = await StartAsync(start: false);
        await PublishAsync([Event("first")]);
        await Broker.PublishAsync("inventory.stock-replenished.v1", "", "no JSON"u8.ToArray(), new { delivery_mode = 2 });
        await PublishAsync([Event("last")]);

        await service.StartAsync();

        await EffectsAsync(service, 2);
        await SettledAsync();
        var dead = Assert.Single(await Broker.PeekAsync(Queue + ".dead"));
        Assert.Equal(("no JSON", null), (dead.Text, dead.Header("shop-retries")));
    }

    [Fact]
    public async Task A_batch_is_acknowledged_only_after_its_commit()
    {
        var (service, script) = await StartAsync();
        var (reached, goOn) = (new TaskCompletionSource(), new TaskCompletionSource());
        script.Act = async (_, _) =>
        {
            reached.TrySetResult();
            await goOn.Task;
        };
        await PublishAsync([Event("tea")]);
        await reached.Task.WaitAsync(TimeSpan.FromMinutes(5));

        // As if the process died before its commit: the message is there for the next one. The commit of the first comes late, and
        // the second finds its row.
        await Receiver(service).AbortAsync();
        await Eventually.HoldsAsync("it is delivered again or waits",
            async () => await Broker.QueueAsync(Queue) is { } queue && queue.Ready + queue.Unacknowledged == 1);
        Assert.Equal(0, await service.CountEffectsAsync("tea"));
        goOn.SetResult();

        await SettledAsync();
        Assert.Equal(1, await service.CountEffectsAsync("tea"));
    }

    [Fact]
    public async Task A_connection_lost_during_the_commit_causes_no_duplicate_effects()
    {
        var (service, script) = await StartAsync();
        var cut = 0;
        script.Saved = async db =>
        {
            // The commit is on its way when the connection breaks: the answer never comes.
            if (Interlocked.Increment(ref cut) == 1)
            {
                await db.Database.CommitTransactionAsync();
                await Database.CloseConnectionsAsync();
                throw new NpgsqlException("The connection is lost.", new IOException());
            }
        };

        await PublishAsync([Event("tea")]);
        await EffectsAsync(service, 1);

        await SettledAsync();
        Assert.True(cut == 1, "the commit was cut off once, and the second attempt did not come to the consumer");
        Assert.Equal(1, await Eventually.IsAsync( // a session in the pool is one of those that were closed
            "the effects can be counted", () => service.CountEffectsAsync("tea"), count => count > 0));
        Assert.Equal(0, await Broker.CountReadyAsync(Queue + ".dead"));
    }

    [Fact]
    public async Task An_unavailable_database_loses_no_message_of_a_batch()
    {
        var (service, script) = await StartAsync();
        var cut = 0;
        List<string> attempted = [];
        script.Act = async (events, _) =>
        {
            attempted.AddRange(events.Select(e => e.Event.Sku)); // one batch after the other
            if (Interlocked.Exchange(ref cut, 0) == 1)
            {
                await Database.CloseConnectionsAsync();
            }
        };

        // How many batches become of them is up to the machine: the first one of each half is cut off.
        for (var half = 1; half <= 2; half++)
        {
            Volatile.Write(ref cut, 1);
            await PublishAsync([.. Enumerable.Range(0, 25).Select(i => Event($"sku-{half}-{i}"))]);
            await EffectsAsync(service, 25 * half);
            Assert.True(
                attempted.Count(sku => sku.StartsWith($"sku-{half}-", StringComparison.Ordinal)) > 25, "no attempt was broken off, so nothing was tested");
        }

        Assert.Equal(0, await Broker.CountReadyAsync(Queue + ".dead"));
    }

    [Fact]
    public async Task Two_instances_that_receive_the_same_events_in_different_order_do_not_deadlock()
    {
        // Overlapping inserts lock in the order of ids, whatever the order of arrival. Counted by the server itself.
        var service = (await StartAsync(start: false)).Service;
        var ids = Enumerable.Range(0, 400).Select(_ => Event("tea")).ToList();
        var random = new Random(7);

        await Task.WhenAll(Enumerable.Range(0, 6).Select(async worker =>
        {
            for (var round = 0; round < 10; round++)
            {
                var part = ids.Skip(round * 40).Take(40).ToArray();
                lock (random)
                {
                    random.Shuffle(part);
                }

                await using var scope = service.Services.CreateAsyncScope();
                var db = scope.ServiceProvider.GetRequiredService<TicketDbContext>();
                await using var work = new InboxUnitOfWork(
                    db, scope.ServiceProvider.GetRequiredService<CommitProtocol>(), TimeProvider.System,
                    [.. part.Select(_ => new DeliveryFacts(null, TimeProvider.System.GetUtcNow(), 1, 0))], rowsFirst: true);
                await InboxProtocol.ProcessOnceAsync(work, [.. part.Select(e => e.EventId)], Queue, unprocessed =>
                {
                    db.Effects.AddRange(unprocessed.Select(_ => new Effect { What = "tea" }));
                    return Task.CompletedTask;
                }, CancellationToken.None);
            }
        }));

        Assert.Equal(400, await Database.ScalarAsync<long>("SELECT count(*) FROM inbox"));
        Assert.Equal(400, await service.WorkAsync(db => db.Effects.CountAsync()));
    }

    [Fact]
    public async Task In_the_order_of_arrival_the_same_inserts_deadlock()
    {
        // The negative control of the test above: two transactions, two ids, each in its own order.
        await ServiceAsync(start: false);
        var (one, two) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await using var first = await BeginAsync(one);
        await using var second = await BeginAsync(two);

        var crossing = await Task.WhenAll(TryAsync(first, two), TryAsync(second, one));

        Assert.Contains(PostgresErrorCodes.DeadlockDetected, crossing);
    }

    [Fact]
    public async Task A_poison_message_does_not_take_others_to_the_delivery_limit()
    {
        // All unacknowledged messages are requeued with it, which counts as a delivery of each.
        var (service, script) = await StartAsync(start: false);
        var kills = 0;
        script.Act = async (events, _) =>
        {
            if (events.Any(e => e.Event.Sku == "killer"))
            {
                Interlocked.Increment(ref kills);
                await Receiver(service).AbortAsync();
                throw new InvalidOperationException("the process died");
            }
        };
        await PublishAsync([.. Enumerable.Range(0, 40).Select(i => Event(i == 20 ? "killer" : $"sku-{i}"))]);

        await service.StartAsync();

        await Eventually.HoldsAsync("the killer is a dead letter", async () => await Broker.CountReadyAsync(Queue + ".dead") > 0);
        await EffectsAsync(service, 39);
        Assert.True(kills > BrokerTopology.DeliveryLimit / 2, $"it killed {kills} times");
        Assert.Contains("killer", Assert.Single(await Broker.PeekAsync(Queue + ".dead")).Text, StringComparison.Ordinal);
    }

    private async Task<NpgsqlTransaction> BeginAsync(Guid id)
    {
        var connection = new NpgsqlConnection(Database.ConnectionString);
        await connection.OpenAsync();
        var transaction = await connection.BeginTransactionAsync();
        Assert.Null(await TryAsync(transaction, id));
        return transaction;
    }

    private static async Task<string?> TryAsync(NpgsqlTransaction transaction, Guid id)
    {
        await using var insert = new NpgsqlCommand(
            "INSERT INTO inbox VALUES ($1, 'x', now()) ON CONFLICT DO NOTHING", transaction.Connection, transaction)
        {
            Parameters = { new() { Value = id } },
        };
        try
        {
            await insert.ExecuteNonQueryAsync();
            return null;
        }
        catch (PostgresException e)
        {
            await transaction.RollbackAsync();
            return e.SqlState;
        }
    }
}
