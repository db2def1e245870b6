using Npgsql;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>M6: a consumer that loses its connection during the commit processes the event once.</summary>
public sealed class AmbiguousCommitTests : MessagingTest
{
    [Theory]
    [InlineData(true, 1)]
    [InlineData(false, 2)] // the negative control: without the inbox row of the first attempt
    public async Task A_commit_whose_answer_is_lost_has_one_effect(bool inboxRemembers, int effects)
    {
        var direct = new NpgsqlConnectionStringBuilder(Database.ConnectionString);
        await using var wire = new FaultyWire(direct.Host!, direct.Port);
        var lossy = new NpgsqlConnectionStringBuilder(Database.ConnectionString) { Host = "127.0.0.1", Port = wire.Port };
        var service = await ServiceAsync(consumes: true, relay: false, settings: new Dictionary<string, string?>
        {
            ["ConnectionStrings:Database"] = lossy.ConnectionString,
            ["Messaging:Prefetch"] = "1", // the second message comes only when the first is acknowledged
        });
        Task? lost = null;
        service.Script.Act = async (@event, _) =>
        {
            if (lost is null)
            {
                lost = wire.LoseAnswerTo("COMMIT\0"); // and not to the BEGIN of a READ COMMITTED one
            }
            else if (!inboxRemembers && @event.Sku == "tea")
            {
                await Database.ExecuteAsync("DELETE FROM inbox");
            }
        };

        await PublishAsync(Event("tea"));
        await PublishAsync(Event("last"));

        await Eventually.HoldsAsync("the next message is consumed", async () => await service.CountEffectsAsync("last") == 1);
        Assert.True(lost is { IsCompletedSuccessfully: true }, "the answer to the commit was lost");
        Assert.Equal((effects, 3), (await service.CountEffectsAsync("tea"), service.Script.Attempts));
        Assert.Equal(0, await Broker.CountReadyAsync("ordering.effect.dead"));
    }

    private static StockReplenished Event(string sku)
    {
        var now = TimeProvider.System.GetUtcNow();
        return new StockReplenished(Guid.CreateVersion7(now), now, sku, 1, 1, 1);
    }
}
