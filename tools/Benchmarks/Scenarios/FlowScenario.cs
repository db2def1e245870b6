using System.Diagnostics;
using Shop.Benchmarks.Model;
using Shop.Benchmarks.Servers;

namespace Shop.Benchmarks.Scenarios;

/// <summary>
/// Orders per second through the whole shop, from the POST to Confirmed, with its mail written and all its events in Analytics: four
/// services, both servers and the client on this machine. First the rate rises until the shop does not keep up, then it is held.
/// </summary>
internal static class FlowScenario
{
    private const int Wanted = 400;
    private static readonly TimeSpan s_keepsUp = TimeSpan.FromSeconds(2);

    public static Scenario Scenario { get; } = new(
        "flow", "The whole shop, from POST /orders to Confirmed", RunAsync, OwnServers: true);

    private static async Task<ScenarioResult> RunAsync(BenchContext bench)
    {
        await using var shop = await ShopProcess.StartAsync(bench.Stopping);
        using var client = new OrderClient(shop);
        await client.OpenAsync(bench.Stopping);
        await StepAsync(bench, shop, client, "warm-up", 50, TimeSpan.FromSeconds(bench.Pick(5, 20)));

        List<(ResultRow Row, TimeSpan Lag)> steps = [];
        var sustained = 50;
        for (var rate = 100; rate <= 1_000; rate += 50)
        {
            var step = await StepAsync(bench, shop, client, $"{rate} orders/s", rate, TimeSpan.FromSeconds(bench.Pick(4, 10)));
            steps.Add(step);
            if (step.Lag > s_keepsUp)
            {
                break;
            }

            sustained = rate;
        }

        var held = Math.Min(sustained, Wanted);
        var (row, lag) = await StepAsync(bench, shop, client, $"{held} orders/s, held", held, TimeSpan.FromSeconds(bench.Pick(15, 60)));
        await CheckAsync(shop, client);
        var share = row.Cpu!.Value.Median / 1_000;
        return new ScenarioResult(Scenario.Name, Scenario.Title, "order", [.. steps.Select(step => step.Row), row],
        [
            new Finding($"orders/s held for {bench.Pick(15, 60)} s", row.Rate!.Value, "N0", Wanted * 0.99),
            new Finding("seconds until nothing waits anywhere after the last order", One(lag.TotalSeconds), "0.0", 5, AtMost: true),
            new Finding("highest rate of the steps that the shop kept up with", One(sustained), "N0"),
            new Finding("ms of CPU per order, everybody's", One(share), "0.00"),
        ]);
    }

    private static async Task<(ResultRow Row, TimeSpan Lag)> StepAsync(
        BenchContext bench, ShopProcess shop, OrderClient client, string name, int rate, TimeSpan time)
    {
        var (before, cpu, at) = (client.Placed, shop.Cpu.Read(), Stopwatch.GetTimestamp());
        await client.PlaceAsync(rate, time, bench.Stopping);
        var (placing, over) = (Stopwatch.GetElapsedTime(at).TotalSeconds, Stopwatch.GetTimestamp());
        await Eventually.HoldsAsync("nothing waits anywhere", async () => await WaitingAsync(shop, client.Placed) == 0);
        var lag = Stopwatch.GetElapsedTime(over);
        var count = client.Placed - before;
        var used = shop.Cpu.Read() - cpu;
        var latency = await LatencyAsync(shop, count);
        BenchContext.Write($"{name}: {count / placing:N0} orders/s placed, all done {lag.TotalSeconds:0.0} s after the last, "
            + $"{used.Ours / count * 1e3:0.0} ms of CPU each, confirmed after {latency.P50.Median:0} ms at p50, {latency.P99.Median:0} ms at p99");
        var row = new ResultRow(
            name, 1, count, One(count / placing), One(used.Ours / count * 1e6),
            [.. shop.Cpu.Names.Select((part, index) => new CpuPart(part, used.Parts[index] / count * 1e6))],
            used.Others / (placing + lag.TotalSeconds), latency);
        return (row, lag);
    }

    /// <summary>Orders without an answer, events that were not sent, mails that were not written, events that Analytics has not got.</summary>
    private static async Task<long> WaitingAsync(ShopProcess shop, int placed)
    {
        var waiting = await shop.ScalarAsync<long>(
            "ordering", "SELECT (SELECT count(*) FROM orders WHERE status = 'Placed') + (SELECT count(*) FROM outbox)");
        if (waiting > 0)
        {
            return waiting;
        }

        waiting = await shop.ScalarAsync<long>("inventory", "SELECT count(*) FROM outbox")
            + placed - await shop.ScalarAsync<long>("notification", "SELECT count(*) FROM notifications WHERE status = 'Delivered' AND order_id IS NOT NULL");
        return waiting > 0
            ? waiting
            : (3L * placed) - await shop.ScalarAsync<long>("analytics", """
                SELECT count(*) FROM event_log
                WHERE type IN ('ordering.order-placed.v1', 'ordering.order-placed.v2', 'inventory.stock-reserved.v1', 'ordering.order-confirmed.v1')
                """);
    }

    /// <summary>Of the newest orders, by the order's own history.</summary>
    private static async Task<Percentiles> LatencyAsync(ShopProcess shop, int newest)
    {
        var times = await shop.ScalarAsync<double[]>("ordering", $"""
            SELECT array_agg(extract(epoch FROM confirmed.at - placed.at)::float8 * 1000) FROM orders_history confirmed
            JOIN (SELECT order_id, at FROM orders_history WHERE to_status = 'Placed' ORDER BY at DESC LIMIT {newest}) placed USING (order_id)
            WHERE confirmed.to_status = 'Confirmed'
            """);
        return times.Length == newest
            ? Percentiles.Of([times])
            : throw new InvalidOperationException($"{newest} orders were placed and {times.Length} of them confirmed.");
    }

    /// <summary>What was promised is there, once.</summary>
    private static async Task CheckAsync(ShopProcess shop, OrderClient client)
    {
        foreach (var (service, what, sql) in ((string, string, string)[])[
            ("ordering", "orders", "SELECT count(*) FROM orders WHERE status = 'Confirmed'"),
            ("inventory", "reservations", "SELECT count(*) FROM reservations WHERE status = 'reserved'"),
            ("notification", "mails", "SELECT count(*) FROM notifications WHERE order_id IS NOT NULL"),
            ("analytics", "confirmed orders", "SELECT count(*) FROM event_log WHERE type = 'ordering.order-confirmed.v1'")])
        {
            var found = await shop.ScalarAsync<long>(service, sql);
            if (found != client.Placed)
            {
                throw new InvalidOperationException($"{client.Placed} orders were placed, and {service} has {found} {what}.");
            }
        }
    }

    private static Spread One(double value) => new(value, value, value);
}
