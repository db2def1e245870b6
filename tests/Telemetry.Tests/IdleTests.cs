namespace Shop.Telemetry.Tests;

/// <summary>No trace without a cause.</summary>
public sealed class IdleTests
{
    /// <summary>What idle services poll.</summary>
    private static readonly (string Service, string Table)[] s_polled =
    [
        ("ordering", "outbox"), ("ordering", "outbox_parked"), ("ordering", "orders"),
        ("inventory", "outbox"), ("inventory", "outbox_parked"), ("inventory", "reservations"),
        ("notification", "outbox"), ("notification", "outbox_parked"), ("notification", "notifications"),
        ("analytics", "outbox"), ("analytics", "outbox_parked"), ("analytics", "projection_rebuilds"),
    ];

    /// <summary>What is looked at when a service starts, and then every few minutes.</summary>
    private static readonly (string Service, string Table)[] s_kept =
    [
        ("ordering", "idempotency_keys"), ("inventory", "idempotency_keys"), ("notification", "idempotency_keys"), ("analytics", "idempotency_keys"),
        ("analytics", "event_log_default"),
    ];

    [Fact]
    public async Task An_idle_shop_sends_no_span_however_often_it_polls_sweeps_and_is_probed()
    {
        await using var collector = await OtlpReceiver.StartAsync();
        await using var shop = await ObservedShop.CreateAsync(collector.Address);

        // What runs at the start and then every few minutes runs twice because the shop starts twice.
        for (var round = 0; round < 2; round++)
        {
            var stopped = await CountScansAsync(shop, s_kept);
            await shop.StartAsync();
            var before = await CountScansAsync(shop, s_polled);
            foreach (var service in shop.Databases.Keys)
            {
                using var client = shop.Client(service);
                foreach (var probe in (string[])["/health/live", "/health/ready", "/health/live", "/health/ready"])
                {
                    using var answer = await client.GetAsync(new Uri(probe, UriKind.Relative));
                    answer.EnsureSuccessStatusCode();
                }
            }

            await Eventually.IsAsync("every loop has polled twice", () => CountScansAsync(shop, s_polled),
                scans => s_polled.All(polled => scans[polled] >= before[polled] + 2));
            await Eventually.IsAsync("what runs at the start has run", () => CountScansAsync(shop, s_kept),
                scans => s_kept.All(kept => scans[kept] > stopped[kept]));
            await shop.StopAsync();
        }

        Assert.Empty(collector.Spans.Select(span => span.ToString()));
        Assert.Equal(shop.Databases.Keys.Order(), collector.Metrics.Select(metric => metric.Service).Distinct().Order()); // they did send
    }

    private static async Task<Dictionary<(string, string), long>> CountScansAsync(ObservedShop shop, (string Service, string Table)[] tables)
    {
        Dictionary<(string, string), long> scans = [];
        foreach (var (service, table) in tables)
        {
            scans[(service, table)] = await shop.Databases[service].ScalarAsync<long>($"""
                SELECT seq_scan + coalesce(idx_scan, 0) FROM pg_stat_user_tables WHERE relid = '{table}'::regclass
                """);
        }

        return scans;
    }
}
