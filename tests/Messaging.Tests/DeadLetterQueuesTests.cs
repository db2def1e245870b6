using System.Text;
using Microsoft.Extensions.DependencyInjection;
using RabbitMQ.Client;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging.Operations;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>M7: a dead letter stays until a person resends it or discards it with a reason.</summary>
public sealed class DeadLetterQueuesTests : MessagingTest
{
    private const string Queue = "ordering.effect";
    private const string Dead = Queue + ".dead";
    private static readonly string s_exchange = ShopEvents.Catalog.NameOf(typeof(StockReplenished));

    [Fact]
    public async Task A_dead_letter_shows_its_content_and_a_retry_goes_to_its_own_queue_only()
    {
        var (service, mend) = await FailingServiceAsync();
        var others = await ProbeAsync(s_exchange);
        var @event = Event("tea");
        await PublishAsync(@event);
        await DeadAsync(1);

        var letter = Assert.Single(await ListAsync(service));
        Assert.Equal((Queue, @event.EventId.ToString(), s_exchange, 1), (letter.Queue, letter.Id, letter.EventType, letter.Deaths));
        Assert.Contains("out of order", letter.Why, StringComparison.Ordinal);
        Assert.InRange(letter.FirstDeath!.Value, @event.OccurredAt.AddMinutes(-1), TimeProvider.System.GetUtcNow().AddMinutes(1));
        Assert.Single(await ListAsync(service)); // looking changes nothing

        // Too early: it comes back, and is known to have been here.
        Assert.Equal(1, await RetryAsync(service, letter.Id));
        await Eventually.HoldsAsync("it is dead again", async () => await ListAsync(service) is [{ Deaths: 2 }]);
        Assert.Equal(letter.FirstDeath.Value, Assert.Single(await ListAsync(service)).FirstDeath!.Value, TimeSpan.FromSeconds(1));

        mend();
        Assert.Equal(1, await RetryAsync(service, id: null));
        await Eventually.HoldsAsync("it acts", async () => await service.CountEffectsAsync("tea") == 1);
        Assert.Equal(0, await Broker.CountReadyAsync(Dead));
        Assert.Single(others.Received); // only what the sender sent
    }

    [Fact]
    public async Task One_of_many_is_retried_and_the_others_keep_their_order()
    {
        var (service, mend) = await FailingServiceAsync();
        StockReplenished[] events = [Event("a"), Event("b"), Event("c")];
        for (var i = 0; i < events.Length; i++)
        {
            await PublishAsync(events[i]);
            await DeadAsync(i + 1);
        }

        mend();
        Assert.Equal(0, await RetryAsync(service, "no-such-id"));
        Assert.Equal(1, await RetryAsync(service, events[1].EventId.ToString()));

        await Eventually.HoldsAsync("it acts", async () => await service.CountEffectsAsync("b") == 1);
        Assert.Equal([events[0].EventId.ToString(), events[2].EventId.ToString()], (await ListAsync(service)).Select(letter => letter.Id));
        Assert.Equal((0, 0), (await service.CountEffectsAsync("a"), await service.CountEffectsAsync("c")));
    }

    /// <summary>The broker drops a message in a dead-letter cycle without a rejection: its x-death headers must be removed.</summary>
    [Fact]
    public async Task A_message_dead_lettered_by_the_delivery_limit_can_be_retried_like_any_other()
    {
        await using (var _ = await ServiceAsync(consumes: true, start: false))
        {
            await PublishAsync(Event("tea"));
            await KillOverTheLimitAsync();
        }

        var (service, mend) = await FailingServiceAsync(migrate: false);
        Assert.Contains("without being settled", Assert.Single(await ListAsync(service)).Why, StringComparison.Ordinal);
        Assert.Equal(1, await RetryAsync(service, id: null));
        await Eventually.HoldsAsync("it waited, failed and is dead again", async () => await ListAsync(service) is [{ Deaths: 2 }]);
        mend();
        Assert.Equal(1, await RetryAsync(service, id: null));
        await Eventually.HoldsAsync("it acts", async () => await service.CountEffectsAsync("tea") == 1);
    }

    [Fact]
    public async Task A_crash_between_the_confirm_and_the_acknowledgement_is_a_duplicate_that_is_processed_once()
    {
        var (service, mend) = await FailingServiceAsync();
        await PublishAsync(Event("tea"));
        await DeadAsync(1);
        mend();

        await using (var connection = await new ConnectionFactory { Uri = Broker.UriOf("ordering") }.CreateConnectionAsync())
        {
            await using var channel = await connection.CreateChannelAsync();
            var message = (await channel.BasicGetAsync(Dead, autoAck: false))!;
            await channel.BasicPublishAsync("ordering.redelivery", Queue, mandatory: true, DeadLetter.ToRetry(message), message.Body);
            await Eventually.HoldsAsync("it acts", async () => await service.CountEffectsAsync("tea") == 1);
        }

        await DeadAsync(1);
        Assert.Equal(1, await RetryAsync(service, id: null));
        await Eventually.HoldsAsync("the repeat is gone", async () =>
            await Broker.QueueAsync(Queue) is { Ready: 0, Unacknowledged: 0 } && await Broker.CountReadyAsync(Dead) == 0);
        Assert.Equal(1, await service.CountEffectsAsync("tea"));
    }

    [Fact]
    public async Task A_malformed_message_is_dead_lettered_again_and_can_be_discarded_with_a_reason()
    {
        var service = await ServiceAsync(consumes: true);
        await Broker.PublishAsync(s_exchange, "", Encoding.UTF8.GetBytes("this is no JSON"));
        await DeadAsync(1);

        Assert.Equal(1, await RetryAsync(service, id: null));
        await Eventually.HoldsAsync("it is dead again", async () => await ListAsync(service) is [{ Deaths: 2 }]);
        var letter = Assert.Single(await ListAsync(service));
        Assert.StartsWith("sha256-", letter.Id, StringComparison.Ordinal); // it had no id
        Assert.Null(letter.EventType);

        await using var scope = service.Services.CreateAsyncScope();
        var queues = scope.ServiceProvider.GetRequiredService<IDeadLetterQueues>();
        Assert.Equal(new Moved(1, 0), await queues.DiscardAsync(Queue, letter.Id, "nobody sends such a thing", "sam", CancellationToken.None));

        Assert.Empty(await ListAsync(service));
        var discarded = Assert.Single(await queues.ListDiscardedAsync(10, CancellationToken.None));
        Assert.Equal((Queue, letter.Id, letter.Why), (discarded.Queue, discarded.Id, discarded.Why));
        Assert.Equal(("nobody sends such a thing", "sam"), (discarded.Discarded!.Reason, discarded.Discarded.By));
    }

    private static StockReplenished Event(string sku)
    {
        var now = TimeProvider.System.GetUtcNow();
        return new StockReplenished(Guid.CreateVersion7(now), now, sku, 1, 1, 1);
    }

    private static async Task<List<DeadLetter>> ListAsync(TestService service)
    {
        await using var scope = service.Services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<IDeadLetterQueues>().ListAsync(Queue, 10, CancellationToken.None);
    }

    private static async Task<int> RetryAsync(TestService service, string? id)
    {
        await using var scope = service.Services.CreateAsyncScope();
        return (await scope.ServiceProvider.GetRequiredService<IDeadLetterQueues>().RetryAsync(Queue, id, CancellationToken.None)).Count;
    }

    /// <summary>A service whose consumer fails until it is mended.</summary>
    private async Task<(TestService Service, Action Mend)> FailingServiceAsync(bool migrate = true)
    {
        var failing = true;
        var service = await ServiceAsync(consumes: true, migrate: migrate);
        service.Script.Act = (_, _) => Volatile.Read(ref failing) ? throw new InvalidOperationException("out of order") : Task.CompletedTask;
        return (service, () => Volatile.Write(ref failing, false));
    }

    private Task DeadAsync(int count) =>
        Eventually.HoldsAsync($"there are {count} dead letters", async () => await Broker.CountReadyAsync(Dead) == count);

    private async Task KillOverTheLimitAsync()
    {
        await using var connection = await new ConnectionFactory { Uri = Broker.AmqpUri }.CreateConnectionAsync();
        await Eventually.HoldsAsync("the delivery limit is reached", async () =>
        {
            await using var channel = await connection.CreateChannelAsync();
            for (var delivery = 0; delivery <= BrokerTopology.DeliveryLimit; delivery++)
            {
                if (await channel.BasicGetAsync(Queue, autoAck: false) is { } message)
                {
                    await channel.BasicNackAsync(message.DeliveryTag, multiple: false, requeue: true);
                }
            }

            return await Broker.CountReadyAsync(Dead) == 1;
        });
    }
}
