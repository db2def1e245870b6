using System.Collections.Concurrent;
using System.Net;
using Shop.Contracts;
using Shop.Contracts.Ordering.V1;
using Shop.Inventory.Features.OfferProduct;
using Shop.Messaging;
using Shop.Ordering.Features.PlaceOrder;
using OrderPlaced = Shop.Contracts.Ordering.V2.OrderPlaced;

namespace Shop.Flows.Tests;

/// <summary>
/// Many people acting concurrently and randomly, while reservations expire. The seed decides what each
/// of them does; who comes first is up to the machine.
/// </summary>
public sealed class InterleavingTests(ITestOutputHelper output)
{
    private const int Clients = 16;
    private const int Operations = 5_000;

    private static readonly string[] s_skus = ["TEA-1", "TEA-2", "CUP-1", "CUP-2", "POT-1"];

    private static readonly Dictionary<string, string[]> s_mayFollow = new()
    {
        ["placed"] = ["placed", "confirmed", "rejected", "cancelled", "shipped"],
        ["confirmed"] = ["confirmed", "cancelled", "shipped"],
        ["rejected"] = ["rejected"],
        ["cancelled"] = ["cancelled"],
        ["shipped"] = ["shipped"],
    };

    /// <summary>What Inventory may have decided about an order that ended like this.</summary>
    private static readonly Dictionary<string, string[]> s_agreeing = new()
    {
        ["rejected"] = ["failed"],
        ["cancelled"] = ["released", "expired", "failed"],
        ["shipped"] = ["shipped"],
    };

    private readonly ConcurrentDictionary<string, int> _done = new();
    private int _left = Operations;

    [Fact]
    public async Task Any_interleaving_of_placing_cancelling_shipping_expiring_and_receiving_keeps_the_ledger_consistent()
    {
        var seed = Environment.GetEnvironmentVariable("SHOP_TEST_SEED") is { } given ? int.Parse(given) : Random.Shared.Next();
        output.WriteLine($"Seed {seed}; the same again with SHOP_TEST_SEED={seed}");
        await using var shop = await WholeShop.CreateAsync();
        var inventory = await shop.AddAsync<OfferProductRequest>(new Dictionary<string, string?>
        {
            ["Inventory:ReservationLifetime"] = "00:00:03",
            ["Inventory:SweepInterval"] = "00:00:00.200",
        });
        var ordering = await shop.AddAsync<PlaceOrderRequest>();
        shop.Start<OfferProductRequest>();
        shop.Start<PlaceOrderRequest>();
        foreach (var sku in s_skus)
        {
            await shop.ListAsync(ordering, sku, units: 40);
        }

        using var over = new CancellationTokenSource();
        var checking = CheckUntilAsync(shop, inventory, over.Token);
        var acting = ActAsync(shop, ordering, seed, over.Token);
        await Task.WhenAny(checking, acting); // fails immediately, not after all are done
        await over.CancelAsync();
        await acting.ContinueWith(_ => { }, TaskScheduler.Default);
        var checks = await checking;
        await acting;
        output.WriteLine($"{string.Join(", ", _done.OrderBy(done => done.Key).Select(done => $"{done.Value} {done.Key}"))}; {checks} checks meanwhile");

        await LedgerChecks.MustAddUpAsync(inventory);
        Assert.Equal(0, await inventory.ScalarAsync<long>("SELECT sum(reserved) FROM products"));
        await ServicesMustAgreeAsync(ordering, inventory);
        AssertEventsAreConsistent(shop.Wire.Events);
        Assert.Equal(0, await shop.CountDeadLettersAsync());
        Assert.All(["placed", "cancelled", "shipped", "received"], done => Assert.True(_done.GetValueOrDefault(done) > 100, $"too few {done}"));
        Assert.NotEqual(0, await inventory.ScalarAsync<long>("SELECT count(*) FROM reservations WHERE status = 'expired'"));
    }

    private async Task ActAsync(WholeShop shop, TestDatabase ordering, int seed, CancellationToken over)
    {
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(client => new Person(this, shop, $"customer-{client}", seed + client).ActAsync(over)));
        await Eventually.HoldsAsync("every order has come to its end", async () => over.IsCancellationRequested
            || await ordering.ScalarAsync<long>("SELECT count(*) FROM orders WHERE lower(status) IN ('placed', 'confirmed')") == 0);
        if (!over.IsCancellationRequested)
        {
            await shop.RestsAsync();
        }
    }

    private static async Task<int> CheckUntilAsync(WholeShop shop, TestDatabase inventory, CancellationToken over)
    {
        using var often = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
        for (var checks = 0; ; checks++)
        {
            await LedgerChecks.MustAddUpAsync(inventory);
            if (checks % 5 == 0)
            {
                Assert.Empty(await shop.DeadLettersAsync());
            }

            try
            {
                await often.WaitForNextTickAsync(over);
            }
            catch (OperationCanceledException)
            {
                return checks;
            }
        }
    }

    private static async Task ServicesMustAgreeAsync(TestDatabase ordering, TestDatabase inventory)
    {
        var decided = (await inventory.RowsAsync("SELECT order_id, status FROM reservations")).Select(row => row.Split(" | "))
            .ToDictionary(row => row[0], row => row[1]);
        var orders = (await ordering.RowsAsync("SELECT id, lower(status) FROM orders")).Select(row => row.Split(" | ")).ToList();
        Assert.Equal(orders.Count, decided.Count);
        Assert.All(orders, order => Assert.Contains(decided[order[0]], s_agreeing[order[1]]));
    }

    /// <summary>
    /// Each order's events are one placing and one end. A broker that is slow to confirm gets an event again, so it is the
    /// first of each that counts.
    /// </summary>
    private static void AssertEventsAreConsistent(IReadOnlyList<IIntegrationEvent> events)
    {
        foreach (var story in events.Select(ShopEvents.Catalog.Newest).DistinctBy(e => e.EventId).Where(e => e is OrderPlaced or OrderConfirmed or OrderRejected or OrderCancelled or OrderShipped)
            .GroupBy(e => e.AggregateId))
        {
            Assert.Single(story.OfType<OrderPlaced>());
            Assert.Single(story, e => e is OrderRejected or OrderCancelled or OrderShipped);
            Assert.Equal(Enumerable.Range(1, story.Count()), story.Select(e => e.AggregateVersion)); // in order, none missing
        }
    }

    private sealed class Person(InterleavingTests test, WholeShop shop, string name, int seed)
    {
        private readonly Random _random = new(seed);
        private readonly List<(Guid Id, string Status, int Version)> _orders = [];

        public async Task ActAsync(CancellationToken over)
        {
            while (!over.IsCancellationRequested && Interlocked.Decrement(ref test._left) >= 0)
            {
                await ActOnceAsync();
            }
        }

        private Task ActOnceAsync() => _random.Next(100) switch
        {
            < 40 => PlaceAsync(),
            < 58 when _orders.Count > 0 => ChangeAsync("cancelled", order => shop.CancelAsync(name, order)),
            < 70 when _orders.Count > 0 => ChangeAsync("shipped", shop.ShipAsync),
            < 80 when _orders.Count > 0 => ChangeAsync("shipped", ShipOnceAnsweredAsync),
            _ => ReceiveAsync(),
        };

        private async Task PlaceAsync()
        {
            var lines = s_skus.OrderBy(_ => _random.Next()).Take(_random.Next(1, 4)).Select(sku => (sku, _random.Next(1, 4))).ToList();
            var answer = (await shop.PlaceAsync(name, lines)).MustBe(HttpStatusCode.Created);
            _orders.Add((answer.Id, answer.OrderStatus!, answer.Body.GetProperty("version").GetInt32()));
            Count("placed");
        }

        private async Task ReceiveAsync()
        {
            (await shop.ReceiveAsync(s_skus[_random.Next(s_skus.Length)], _random.Next(1, 8))).MustBe(HttpStatusCode.OK);
            Count("received");
        }

        /// <summary>I9: whatever the answer, an order's status and version only ever go forward.</summary>
        private async Task ChangeAsync(string what, Func<Guid, Task<Answer>> change)
        {
            var index = _random.Next(Math.Max(0, _orders.Count - 5), _orders.Count); // a late one: the others rest already
            var (id, before, version) = _orders[index];
            var answer = (await change(id)).MustBe(HttpStatusCode.OK, HttpStatusCode.Conflict);
            if (answer.OrderStatus is not { } after)
            {
                Count("refused");
                return;
            }

            var now = answer.Body.GetProperty("version").GetInt32();
            Assert.Equal(what, after);
            Assert.Contains(after, s_mayFollow[before]);
            Assert.True(now > version || (now == version && after == before), $"{id} went from {before} {version} to {after} {now}");
            _orders[index] = (id, after, now);
            Count(what);
        }

        /// <summary>Staff who check first: otherwise nothing would be shipped where answers are slower than people.</summary>
        private async Task<Answer> ShipOnceAnsweredAsync(Guid order)
        {
            for (var looks = 0; looks < 100 && await StatusAsync(order) == "placed"; looks++)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(300)); // they look now and then, and leave the machine to the others
            }

            return await shop.ShipAsync(order);
        }

        private async Task<string?> StatusAsync(Guid order) => (await shop.ReadAsync(name, order)).MustBe(HttpStatusCode.OK).OrderStatus;

        private void Count(string what) => test._done.AddOrUpdate(what, 1, (_, count) => count + 1);
    }
}
