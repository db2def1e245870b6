using System.Net;
using Shop.Inventory.Features.OfferProduct;

namespace Shop.Flows.Tests;

/// <summary>M3 across processes: a deployment that replaces a service under load repeats nothing.</summary>
public sealed class HandOverTests
{
    private const int Products = 8;

    private int _answered;

    [Theory]
    [InlineData("Polling", "TERM")]
    [InlineData("LogTailing", "TERM")]
    [InlineData("Polling", "KILL")] // the negative control: what was in flight is published again
    public async Task A_service_replaced_under_load_publishes_each_event_once_and_in_order(string relay, string signal)
    {
        await using var broker = await TestServers.CreateVirtualHostAsync("shop");
        await broker.LoadTopologyAsync("nobody");
        await broker.LoadTopologyAsync("inventory");
        await using var received = await EventWire.ConnectAsync(broker, "inventory.product");
        await using var database = await TestServers.CreateDatabaseAsync("inventory");
        await using var wire = FaultyWire.ToBroker(broker.AmqpUri);
        var settings = ServiceInstance.Settings(database.ConnectionString, broker.UriOf("inventory"));
        if (relay != "Polling")
        {
            settings["Messaging:Relay"] = relay;
        }

        settings["Database:RuntimeRole"] = database.RuntimeRole;
        await ServiceInstance.MigrateAsync<OfferProductRequest>(settings);
        settings["ConnectionStrings:Database"] = database.RuntimeConnectionString;
        await using var old = await ServiceProcess.StartAsync<OfferProductRequest>(new Dictionary<string, string?>(settings)
        {
            ["ConnectionStrings:rabbitmq"] = wire.Over(broker.UriOf("inventory")).AbsoluteUri,
        });
        using var oldClient = old.Client(TestTokens.Staff());
        var client = oldClient;
        var enough = false;
        var load = Task.WhenAll(Enumerable.Range(0, Products).Select(product =>
            OfferAsync($"HAND-{product}", () => Volatile.Read(ref client), () => Volatile.Read(ref enough))));
        await using var replacement = await ServiceProcess.StartAsync<OfferProductRequest>(settings);
        using var newClient = replacement.Client(TestTokens.Staff());

        // The old one is asked to stop while a batch of its is out: the broker has it, and the confirms are still on their way.
        wire.HoldAnswers();
        await Eventually.HoldsAsync("a batch is confirmed", () => wire.HeldConfirms > 0);
        await Eventually.HoldsAsync("events wait behind it", () => Volatile.Read(ref _answered) > received.Received.Count + Products);
        Volatile.Write(ref client, newClient);
        var stopping = old.StopAsync(signal);
        await Eventually.HoldsAsync("the old one is stopping", () => old.RefusesAsync());
        wire.Restore();
        Assert.Equal(signal == "TERM", await stopping == 0);
        Volatile.Write(ref enough, true);
        var offered = await load;

        // A duplicate arrives after the original: when the last events are received and nothing is published any more, all are received.
        await Eventually.HoldsAsync("each event is received", () => received.Received.DistinctBy(one => one.EventId).Count() == offered.Sum());
        Assert.Equal(0, await replacement.StopAsync());
        await Eventually.HoldsAsync("all events are received", received.IsUpToDateAsync);
        Assert.Equal(signal == "KILL", received.Received.Count > offered.Sum());
        Assert.All(received.Received.DistinctBy(one => one.EventId).GroupBy(one => one.Headers["aggregate-id"]), product => Assert.Equal(
            Enumerable.Range(1, product.Count()).Select(version => $"{version}"), product.Select(one => one.Headers["aggregate-version"])));
    }

    /// <summary>Changes the price repeatedly, each retried until it is answered; a retry is one event. Returns how many.</summary>
    private async Task<int> OfferAsync(string sku, Func<HttpClient> client, Func<bool> isEnough)
    {
        var price = 0;
        while (!isEnough())
        {
            var body = new { name = $"The {sku}", unitPrice = ++price, currency = "EUR" };
            await Eventually.HoldsAsync($"{sku} costs {price}", async () =>
                (await client().SendAsync(HttpMethod.Put, $"/products/{sku}", body)).Status is HttpStatusCode.OK or HttpStatusCode.Created);
            Interlocked.Increment(ref _answered);
        }

        return price;
    }
}
