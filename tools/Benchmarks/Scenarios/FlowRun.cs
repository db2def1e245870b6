using System.Diagnostics;
using System.Text.Json;
using Shop.Benchmarks.Model;
using Shop.Benchmarks.Servers;

namespace Shop.Benchmarks.Scenarios;

/// <summary>The whole shop with its customers: places orders at a rate, and measures until nothing waits anywhere.</summary>
internal sealed class FlowRun : IAsyncDisposable
{
    private const int ShownStatements = 15;
    private const int AskingShare = 20; // asking takes a twentieth of the time: the servers have other work
    private static readonly TimeSpan s_askEvery = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_giveUp = TimeSpan.FromMinutes(3);

    private readonly BenchContext _bench;
    private readonly ShopProcess _shop;
    private readonly OrderClient _client;
    private ServerWork _work;

    private FlowRun(BenchContext bench, ShopProcess shop)
    {
        (_bench, _shop) = (bench, shop);
        _client = new OrderClient(shop);
    }

    /// <param name="asInProduction">Without what the AppHost sets so that the services share a laptop's memory.</param>
    public static async Task<FlowRun> StartAsync(BenchContext bench, bool asInProduction = true)
    {
        var run = new FlowRun(bench, await ShopProcess.StartAsync(asInProduction, bench.Stopping));
        try
        {
            await run._client.OpenAsync(bench.Stopping);
            run._work = await run._shop.ReadWorkAsync(bench.Stopping);
            return run;
        }
        catch
        {
            await run.DisposeAsync();
            throw;
        }
    }

    /// <summary>One more instance of each service; the seconds that each took until it was ready.</summary>
    public Task<IReadOnlyDictionary<string, double>> AddInstancesAsync() => _shop.AddInstancesAsync(_bench.Stopping);

    /// <summary>The memory of each service's first instance in MB, by PSS: what processes share is divided among them.</summary>
    public IReadOnlyDictionary<string, double> Memory() => _shop.Memory();

    /// <summary>Of all orders, from the sending of the POST to the commit that confirmed it: with what the first requests wait for in HTTP.</summary>
    public async Task<Percentiles> FromPostAsync()
    {
        var confirmed = JsonSerializer.Deserialize<Dictionary<Guid, DateTimeOffset>>(await _shop.ScalarAsync<string>(
            "ordering", "SELECT json_object_agg(order_id, at)::text FROM orders_history WHERE to_status = 'Confirmed'"))!;
        return Percentiles.Of([[.. _client.Sent.Select(sent => (confirmed[sent.Key] - sent.Value).TotalMilliseconds)]]);
    }

    public async Task<FlowStep> StepAsync(string name, int rate, TimeSpan time)
    {
        var (before, work, cpu, at) = (_client.Placed, _work, _shop.Cpu.Read(), Stopwatch.GetTimestamp());
        await _client.PlaceAsync(rate, time, _bench.Stopping);
        var (placing, over) = (Stopwatch.GetElapsedTime(at), Stopwatch.GetTimestamp());
        await WaitUntilDoneAsync();
        var (lag, used, count) = (Stopwatch.GetElapsedTime(over), _shop.Cpu.Read() - cpu, _client.Placed - before);
        _work = await _shop.ReadWorkAsync(_bench.Stopping);
        var step = new FlowStep(name, count, placing, lag, used, _shop.Cpu.Names, await LatencyAsync(count), (_work - work) / count);
        BenchContext.Write(step.ToString());
        return step;
    }

    /// <summary>What was promised is there, once.</summary>
    public async Task CheckAsync()
    {
        foreach (var (service, what, sql) in ((string, string, string)[])[
            ("ordering", "orders", "SELECT count(*) FROM orders WHERE status = 'Confirmed'"),
            ("inventory", "reservations", "SELECT count(*) FROM reservations WHERE status = 'reserved'"),
            ("notification", "mails", "SELECT count(*) FROM notifications WHERE order_id IS NOT NULL"),
            ("analytics", "confirmed orders", "SELECT count(*) FROM event_log WHERE type = 'ordering.order-confirmed.v1'")])
        {
            var found = await _shop.ScalarAsync<long>(service, sql);
            if (found != _client.Placed)
            {
                throw new InvalidOperationException($"{_client.Placed} orders were placed, and {service} has {found} {what}.");
            }
        }
    }

    /// <summary>Where PostgreSQL's time goes, since the start.</summary>
    public async Task WriteStatementsAsync()
    {
        BenchContext.Write("PostgreSQL's time per order, by statement (calls and rows per order):");
        foreach (var line in await _shop.ScalarAsync<string[]>("postgres", $"""
            SELECT array_agg(format('%s us  %s: %s... (%s, %s)', round(total_exec_time::numeric * 1000 / {_client.Placed}), datname,
                left(regexp_replace(query, '[[:space:]]+', ' ', 'g'), 70), round(calls::numeric / {_client.Placed}, 2), round(rows::numeric / {_client.Placed}, 2))
                ORDER BY total_exec_time DESC)
            FROM (SELECT * FROM pg_stat_statements JOIN pg_database ON pg_database.oid = dbid WHERE userid <> 'postgres'::regrole
                ORDER BY total_exec_time DESC LIMIT {ShownStatements}) AS longest
            """))
        {
            BenchContext.Write(line);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _shop.DisposeAsync();
    }

    private async Task WaitUntilDoneAsync()
    {
        for (var begun = Stopwatch.GetTimestamp(); ;)
        {
            var asked = Stopwatch.GetTimestamp();
            var waiting = await WaitingAsync();
            if (waiting == 0)
            {
                return;
            }

            if (Stopwatch.GetElapsedTime(begun) > s_giveUp)
            {
                throw new TimeoutException($"{waiting} orders, events or mails still wait after {s_giveUp}.");
            }

            var pause = Stopwatch.GetElapsedTime(asked) * AskingShare;
            await Task.Delay(pause > s_askEvery ? pause : s_askEvery, _bench.Stopping);
        }
    }

    /// <summary>Orders without an answer, events that were not sent, mails that were not written, events that Analytics has not got.</summary>
    private async Task<long> WaitingAsync()
    {
        var waiting = await _shop.ScalarAsync<long>(
            "ordering", "SELECT (SELECT count(*) FROM orders WHERE status = 'Placed') + (SELECT count(*) FROM outbox)");
        if (waiting > 0)
        {
            return waiting;
        }

        waiting = await _shop.ScalarAsync<long>("inventory", "SELECT count(*) FROM outbox") + _client.Placed
            - await _shop.ScalarAsync<long>("notification", "SELECT count(*) FROM notifications WHERE status = 'Delivered' AND order_id IS NOT NULL");
        return waiting > 0
            ? waiting
            : (3L * _client.Placed) - await _shop.ScalarAsync<long>("analytics", """
                SELECT count(*) FROM event_log
                WHERE type IN ('ordering.order-placed.v1', 'ordering.order-placed.v2', 'inventory.stock-reserved.v1', 'ordering.order-confirmed.v1')
                """);
    }

    /// <summary>Of the newest orders, by the order's own history.</summary>
    private async Task<Percentiles> LatencyAsync(int newest)
    {
        var times = await _shop.ScalarAsync<double[]>("ordering", $"""
            SELECT array_agg(extract(epoch FROM confirmed.at - placed.at)::float8 * 1000) FROM orders_history confirmed
            JOIN (SELECT order_id, at FROM orders_history WHERE to_status = 'Placed' ORDER BY at DESC LIMIT {newest}) placed USING (order_id)
            WHERE confirmed.to_status = 'Confirmed'
            """);
        return times.Length == newest
            ? Percentiles.Of([times])
            : throw new InvalidOperationException($"{newest} orders were placed and {times.Length} of them confirmed.");
    }
}

/// <summary>What a step of the flow took.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Orders">How many were placed.</param>
/// <param name="Placing">From the first to the response of the last.</param>
/// <param name="Lag">From then until nothing waited anywhere.</param>
/// <param name="Cpu">Processor time.</param>
/// <param name="CpuNames">Of which process each part of it is.</param>
/// <param name="Latency">From POST to Confirmed.</param>
/// <param name="Work">Of the servers, per order.</param>
internal sealed record FlowStep(
    string Name, int Orders, TimeSpan Placing, TimeSpan Lag, CpuTime Cpu, IReadOnlyList<string> CpuNames, Percentiles Latency, ServerWork Work)
{
    /// <summary>Orders per second by the time of the last one's response.</summary>
    public double Placed => Orders / Placing.TotalSeconds;

    /// <summary>Orders per second by the time when nothing waited any more.</summary>
    public double Processed => Orders / (Placing + Lag).TotalSeconds;

    /// <summary>Milliseconds of everybody's processor time per order.</summary>
    public double CpuPerOrder => Cpu.Ours / Orders * 1e3;

    public ResultRow ToRow(Spread rate) => new(
        Name, 1, Orders, rate, Spread.Of([CpuPerOrder * 1e3]), [.. CpuNames.Select((part, index) => new CpuPart(part, Cpu.Parts[index] / Orders * 1e6))],
        Cpu.Others / (Placing + Lag).TotalSeconds, Latency);

    public override string ToString() => $"{Name}: {Placed:N0} orders/s placed, all done {Lag.TotalSeconds:0.0} s after the last ({Processed:N0}/s), "
        + $"{CpuPerOrder:0.0} ms of CPU each, confirmed after {Latency.P50.Median:0} ms at p50, {Latency.P99.Median:0} ms at p99; {Work}";
}
