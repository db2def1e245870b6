using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging.Consuming.Batches;

namespace Shop.Messaging.Tests.Harness;

/// <summary>A service with a batch consumer.</summary>
public abstract class BatchTest : MessagingTest
{
    internal const string Queue = "ordering.batched-effect";

    internal static BatchReceiver<BatchedEffectConsumer> Receiver(TestService service) =>
        service.Services.GetRequiredService<BatchReceiver<BatchedEffectConsumer>>();

    internal static StockReplenished Event(string sku)
    {
        var now = TimeProvider.System.GetUtcNow();
        return new StockReplenished(Guid.CreateVersion7(now), now, sku, 1, 1, 1);
    }

    internal async Task<(TestService Service, BatchScript Script)> StartAsync(bool start = true, bool migrate = true)
    {
        var script = new BatchScript();
        var service = await ServiceAsync(relay: false, start: start, migrate: migrate, services: services => services.AddSingleton(script),
            consumers: bus => bus.AddBulkConsumer<BatchedEffectConsumer, StockReplenished>());
        return (service, script);
    }

    internal async Task PublishAsync(IReadOnlyList<StockReplenished> events)
    {
        foreach (var @event in events)
        {
            await PublishAsync(@event);
        }
    }

    internal static Task<int> EffectsAsync(TestService service, int count) => Eventually.IsAsync($"{count} effects",
        () => service.WorkAsync(db => db.Effects.CountAsync()), n => n == count);

    /// <summary>
    /// Makes the first batch wait until the broker has delivered all waiting messages: the batches after it are as large as possible, however
    /// slow deliveries are.
    /// </summary>
    internal void HoldFirstUntilAllAreOut(BatchScript script)
    {
        var act = script.Act;
        script.Act = async (events, db) =>
        {
            script.Act = act;
            await Eventually.HoldsAsync("all are handed out", async () => await Broker.CountReadyAsync(Queue) == 0);
            await act(events, db);
        };
    }

    internal Task SettledAsync() => Eventually.HoldsAsync("the queue is empty",
        async () => await Broker.QueueAsync(Queue) is { Ready: 0, Unacknowledged: 0 });
}
