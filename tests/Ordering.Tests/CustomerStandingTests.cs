using System.Net;
using V1 = Shop.Contracts.Ordering.V1;

namespace Shop.Ordering.Tests;

/// <summary>Confirmed orders make a customer preferred: each counts once, and it happens once.</summary>
public sealed class CustomerStandingTests(OrderingService ordering) : IClassFixture<OrderingService>
{
    [Fact]
    public async Task A_customer_becomes_preferred_once_when_orders_are_confirmed_concurrently()
    {
        var sku = await ordering.ListedAsync();
        var customers = Enumerable.Range(0, 10).Select(_ => $"regular-{Guid.CreateVersion7():N}").ToList();
        foreach (var customer in customers)
        {
            await ordering.ConfirmedAsync(customer, sku);
            await ordering.ConfirmedAsync(customer, sku);
            var third = (await ordering.PlaceAsync(customer, sku)).GetProperty("id").GetGuid();
            var fourth = (await ordering.PlaceAsync(customer, sku)).GetProperty("id").GetGuid();

            await ordering.Wire.PublishAsync(OrderingService.Reserved(third, sku), OrderingService.Reserved(fourth, sku));

            await CountedAsync(customer, 4);
        }

        await ordering.AllPublishedAsync();
        Assert.All(customers, customer => Assert.Equal(3,
            Assert.Single(ordering.Wire.ReceivedOf<V1.CustomerBecamePreferred>(), e => e.CustomerId == customer).CustomerVersion));
        await AssertEachIsCountedOnceAsync();
    }

    [Fact]
    public async Task Two_first_orders_that_are_confirmed_together_both_count()
    {
        var sku = await ordering.ListedAsync();
        for (var i = 0; i < 10; i++)
        {
            var customer = $"new-{Guid.CreateVersion7():N}";
            var first = (await ordering.PlaceAsync(customer, sku)).GetProperty("id").GetGuid();
            var second = (await ordering.PlaceAsync(customer, sku)).GetProperty("id").GetGuid();

            await ordering.Wire.PublishAsync(OrderingService.Reserved(first, sku), OrderingService.Reserved(second, sku));

            await CountedAsync(customer, 2);
        }

        await AssertEachIsCountedOnceAsync();
    }

    [Fact]
    public async Task Cancelling_a_confirmed_order_does_not_reduce_the_customers_standing()
    {
        var sku = await ordering.ListedAsync(price: 10);
        var customer = $"fickle-{Guid.CreateVersion7():N}";
        for (var i = 0; i < 3; i++)
        {
            var id = await ordering.ConfirmedAsync(customer, sku);
            Assert.Equal(HttpStatusCode.OK, (await OrderingService.SendAsync(ordering.As(customer), $"/orders/{id}/cancel")).Status);
        }

        await CountedAsync(customer, 3);
        Assert.Equal(0.50m, (await ordering.PlaceAsync(customer, sku)).GetProperty("discount").GetDecimal());
    }

    private Task CountedAsync(string customer, int orders) => Eventually.HoldsAsync($"{orders} orders of {customer} are counted", async () =>
        (await OrderingService.GetAsync(ordering.As(customer), "/customers/me")).GetProperty("confirmedOrders").GetInt32() == orders);

    /// <summary>The standing matches the history, which has one confirmation per order.</summary>
    private async Task AssertEachIsCountedOnceAsync() => Assert.Equal(0, await ordering.Database.ScalarAsync<long>("""
        SELECT count(*) FROM customers c WHERE c.confirmed_orders <> (
            SELECT count(*) FROM orders o JOIN orders_history h ON h.order_id = o.id AND h.to_status = 'Confirmed' WHERE o.customer_id = c.id)
        """));
}
