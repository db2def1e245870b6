using System.Net;
using Shop.Inventory.Features.OfferProduct;

namespace Shop.Flows.Tests;

/// <summary>M3 across processes: a deployment that replaces a service under load repeats nothing.</summary>
public sealed class HandOverTests
{
    private const int Products = 6;
    private const int Prices = 40;

    [Theory]
    [InlineData("Polling")]
    [InlineData("LogTailing")]
    public async Task A_service_that_is_replaced_under_load_sends_each_event_once_and_in_order(string relay)
    {
        await using var broker = await TestServers.CreateVirtualHostAsync("shop");
        await broker.LoadTopologyAsync("nobody");
        await broker.LoadTopologyAsync("inventory");
        await using var wire = await EventWire.ConnectAsync(broker, "inventory.product");
        await using var database = await TestServers.CreateDatabaseAsync("inventory");
        var settings = ServiceInstance.Settings(database.ConnectionString, broker.UriOf("inventory"));
        settings["Messaging:Relay"] = relay;
        await ServiceInstance.MigrateAsync<OfferProductRequest>(settings);
        await using var first = await ServiceProcess.StartAsync<OfferProductRequest>(settings);
        await using var second = await ServiceProcess.StartAsync<OfferProductRequest>(settings);

        using var oldClient = first.Client(TestTokens.Staff());
        using var newClient = second.Client(TestTokens.Staff());
        var client = oldClient;
        var load = Task.WhenAll(Enumerable.Range(0, Products).Select(product => OfferAsync($"HAND-{product}", () => Volatile.Read(ref client))));
        await Eventually.HoldsAsync("events are on their way", () => wire.Heard.Count >= Products * 3);
        Volatile.Write(ref client, newClient);
        Assert.Equal(0, await first.StopAsync());
        Assert.False(load.IsCompleted, "the load ended before the service was replaced");
        await load;

        // A repeat would come after the one that it repeats: what is there when the last ones have come and nothing waits is all.
        await Eventually.HoldsAsync("each event has come", () => wire.Heard.DistinctBy(heard => heard.EventId).Count() == Products * Prices);
        Assert.Equal(0, await second.StopAsync());
        await Eventually.HoldsAsync("all is heard", wire.IsUpToDateAsync);
        Assert.Equal(Products * Prices, wire.Heard.Count);
        Assert.All(wire.Heard.GroupBy(heard => heard.Headers["aggregate-id"]), product => Assert.Equal(
            Enumerable.Range(1, Prices).Select(version => $"{version}"), product.Select(heard => heard.Headers["aggregate-version"])));
    }

    /// <summary>One price after the other, each until it is answered; the same price twice is one event.</summary>
    private static async Task OfferAsync(string sku, Func<HttpClient> client)
    {
        for (var price = 1; price <= Prices; price++)
        {
            var body = new { name = $"The {sku}", unitPrice = price, currency = "EUR" };
            await Eventually.HoldsAsync($"{sku} costs {price}", async () =>
                (await client().SendAsync(HttpMethod.Put, $"/products/{sku}", body)).Status is HttpStatusCode.OK or HttpStatusCode.Created);
        }
    }
}
