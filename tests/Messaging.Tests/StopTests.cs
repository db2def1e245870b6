using Shop.Contracts.Inventory.V1;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>A service that is stopped while it starts: its bus starts in the background.</summary>
public sealed class StopTests : MessagingTest
{
    private const int Messages = 100;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_service_that_is_stopped_while_it_starts_takes_no_message(bool topologyIsThere)
    {
        var stopped = await ServiceAsync(consumes: true, start: false, relay: false, migrate: topologyIsThere);
        var taken = 0;
        stopped.Script.Act = (_, _) => throw new InvalidOperationException($"{Interlocked.Increment(ref taken)} messages came after the stop");
        await stopped.StartAsync();
        await stopped.StopAsync();

        var other = await ServiceAsync(consumes: true, relay: false, migrate: !topologyIsThere);
        var now = TimeProvider.System.GetUtcNow();
        for (var i = 0; i < Messages; i++)
        {
            await PublishAsync(new StockReplenished(Guid.CreateVersion7(now), now, $"sku-{i}", 1, 1, 1));
        }

        await Eventually.HoldsAsync("the other service has consumed all", async () =>
            await Database.ScalarAsync<long>("SELECT count(*) FROM effects") == Messages);
        Assert.Equal(0, taken);
    }
}
