using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests.Exercises;

/// <summary>As <see cref="PublishingExerciseTests"/>, for what a consumer does.</summary>
public sealed class ConsumingExerciseTests(ITestOutputHelper output) : BatchTest
{
    private const int Messages = 50;

    private static readonly string[] s_deployed = ["urn:message:inventory.stock-replenished.v1"];

    [Fact]
    public async Task A_message_that_is_delivered_twice_has_one_effect()
    {
        var service = await ServiceAsync(consumes: true, relay: false);
        var events = Events();
        await PublishAsync(events);
        await PublishAsync(events);

        var effects = await SettleAsync(service, "ordering.effect");
        output.WriteLine($"{Messages} messages were each delivered twice. They have {effects} effects: {effects - Messages} too many.");
        Assert.Equal(Messages, effects);
    }

    [Fact]
    public async Task A_crash_before_the_commit_loses_no_message()
    {
        var (service, script) = await StartAsync();
        var (reached, ended) = (new TaskCompletionSource(), new TaskCompletionSource());
        script.Act = async (_, _) =>
        {
            script.Act = async (_, _) =>
            {
                reached.TrySetResult();
                await ended.Task;
                throw new OperationCanceledException("The process has ended.");
            };
            await PublishAsync(Events());
            await Eventually.HoldsAsync("all are handed out", async () => await Broker.CountReadyAsync(Queue) == 0);
        };
        await PublishAsync(Event("first")); // while it is handled the others arrive: they are one batch

        // As if the process died before its commit: what is not acknowledged is delivered again.
        await reached.Task.WaitAsync(TimeSpan.FromMinutes(5));
        await Receiver(service).AbortAsync();
        script.Act = (_, _) => Task.CompletedTask;
        ended.SetResult();

        var effects = await SettleAsync(service, Queue);
        output.WriteLine($"{Messages} messages were delivered, and the process ended before the commit of their effects. "
            + $"After the restart {effects} have their effect: {Messages - effects} are lost.");
        Assert.Equal(Messages, effects);
    }

    [Fact]
    public async Task Messages_of_the_deployed_contract_are_read()
    {
        var (service, _) = await StartAsync();
        for (var i = 0; i < Messages; i++)
        {
            await PublishAsDeployedAsync($"sku-{i}");
        }

        var effects = await SettleAsync(service, Queue);
        var dead = await Broker.CountReadyAsync(Queue + ".dead");
        output.WriteLine($"A publisher that is still deployed with the old contract sent {Messages} messages. "
            + $"{effects} were handled, {dead} are dead letters.");
        Assert.Equal((Messages, 0), (effects, dead));
    }

    /// <summary>The member names are text here: a publisher that is deployed does not change with this code.</summary>
    private async Task PublishAsDeployedAsync(string sku)
    {
        var id = Guid.CreateVersion7();
        var message = new { eventId = id, occurredAt = TimeProvider.System.GetUtcNow(), sku, productVersion = 1, quantity = 1, available = 1 };
        var body = JsonSerializer.SerializeToUtf8Bytes(new { messageId = id, messageType = s_deployed, message });
        Assert.True(await Broker.PublishAsync("inventory.stock-replenished.v1", "", body, new { delivery_mode = 2, message_id = id.ToString() }));
    }

    private static List<StockReplenished> Events() => [.. Enumerable.Range(0, Messages).Select(i => Event($"sku-{i}"))];

    /// <summary>The effects, once nothing is under way: the last message has its own, and the queue is empty.</summary>
    private async Task<int> SettleAsync(TestService service, string queue)
    {
        await PublishAsync(Event("last"));
        await Eventually.HoldsAsync("the last message has its effect", async () => await service.CountEffectsAsync("last") > 0);
        await Eventually.HoldsAsync("the queue is empty", async () => await Broker.QueueAsync(queue) is { Ready: 0, Unacknowledged: 0 });
        return await service.WorkAsync(db => db.Effects.CountAsync(effect => effect.What != "first" && effect.What != "last"));
    }
}
