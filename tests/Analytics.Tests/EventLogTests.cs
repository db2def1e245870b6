using System.Globalization;
using System.Text.Json;
using Shop.Analytics.Features.EventLog;
using Shop.Analytics.Features.Funnel;
using Shop.Analytics.Features.SalesPerDay;
using Shop.Contracts;
using Shop.Contracts.Ordering.V1;
using Shop.Messaging;
using Shop.Messaging.Wire;
using Shop.ServiceDefaults.Http;

namespace Shop.Analytics.Tests;

/// <summary>Events from a real broker into a real log. The tests share one service and keep apart by order, day and currency.</summary>
public class EventLogTests(AnalyticsFixture analytics) : IClassFixture<AnalyticsFixture>
{
    private static readonly DateTimeOffset s_now = TimeProvider.System.GetUtcNow();

    [Fact]
    public async Task Every_event_type_is_logged_as_it_was_published()
    {
        var events = Samples.OneOfEach(s_now);
        await analytics.Wire.PublishAsync(events);
        await analytics.LoggedAsync(events);

        foreach (var sent in events)
        {
            var name = ShopEvents.Catalog.NameOf(sent.GetType());
            var page = await analytics.GetAsync<Page<LoggedEventResponse>>(
                $"/analytics/events?type={name}&aggregateId={Uri.EscapeDataString(sent.AggregateId)}");
            var logged = Assert.Single(page.Items, item => item.EventId == sent.EventId);
            Assert.Equal((name, sent.AggregateId, sent.AggregateVersion), (logged.Type, logged.AggregateId, logged.AggregateVersion));
            Assert.Equal(sent.OccurredAt, logged.OccurredAt, TimeSpan.FromMilliseconds(1));
            Assert.True(logged.ReceivedAt > s_now.AddMinutes(-1));
            Assert.Equal(sent.EventId, logged.Body.GetProperty("eventId").GetGuid());
        }
    }

    [Fact]
    public async Task Events_are_consumed_without_MassTransit_being_loaded()
    {
        var events = Samples.OneOfEach(s_now);
        await analytics.Wire.PublishAsync(events);
        await analytics.LoggedAsync(events);

        Assert.Contains(AppDomain.CurrentDomain.GetAssemblies(), loaded => loaded.GetName().Name == "RabbitMQ.Client");
        Assert.DoesNotContain(AppDomain.CurrentDomain.GetAssemblies(), loaded => loaded.GetName().Name!.StartsWith("MassTransit", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Unknown_members_are_kept_in_the_log()
    {
        var sent = Samples.Shipped(Guid.CreateVersion7(), s_now);
        var message = JsonSerializer.SerializeToNode(sent, JsonSerializerOptions.Web)!.AsObject();
        message["carrier"] = "a member of a later version";
        var body = AnalyticsFixture.Envelope("ordering.order-shipped.v1", message, sent.EventId);
        await analytics.PublishTextAsync("ordering.order-shipped.v1", body);
        await analytics.LoggedAsync(sent);

        var page = await analytics.GetAsync<Page<LoggedEventResponse>>($"/analytics/events?aggregateId={sent.OrderId}");
        Assert.Equal("a member of a later version", Assert.Single(page.Items).Body.GetProperty("carrier").GetString());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_event_published_in_two_versions_is_logged_and_counted_once(bool newFirst)
    {
        var old = Samples.Placed(Guid.CreateVersion7(), s_now, 12.50m);
        IIntegrationEvent[] versions = [ShopEvents.Catalog.Newest(old), old];
        var (first, second) = newFirst ? (versions[0], versions[1]) : (versions[1], versions[0]);
        await analytics.Wire.PublishAsync(first);
        await analytics.LoggedAsync(first);
        await analytics.Wire.PublishAsync(second);
        var after = Samples.Confirmed(old.OrderId, s_now, 12.50m);
        await analytics.Wire.PublishAsync(after);
        await analytics.LoggedAsync(after);

        var page = await analytics.GetAsync<Page<LoggedEventResponse>>($"/analytics/events?aggregateId={old.OrderId}");
        Assert.Equal(ShopEvents.Catalog.NameOf(first.GetType()), Assert.Single(page.Items, item => item.EventId == old.EventId).Type);
        Assert.Equal(1, await analytics.Database.ScalarAsync<long>(
            $"SELECT count(*) FROM order_journeys WHERE order_id = '{old.OrderId}' AND total = 12.50 AND currency = 'EUR' AND placed_at IS NOT NULL"));
    }

    [Fact]
    public async Task A_years_old_event_is_stored_under_its_own_day()
    {
        var late = Samples.Confirmed(Guid.CreateVersion7(), new DateTimeOffset(2019, 4, 1, 1, 30, 0, TimeSpan.FromHours(2)), 9.99m, "SEK");
        await analytics.Wire.PublishAsync(late);
        await analytics.LoggedAsync(late);

        var sales = await analytics.GetAsync<SalesResponse>("/analytics/sales?from=2019-03-31&to=2019-03-31");
        Assert.Equal([new SalesDayResponse(new DateOnly(2019, 3, 31), "SEK", 1, 2, 9.99m, 0, 0)], sales.Days);
    }

    [Fact]
    public async Task A_duplicate_after_its_inbox_row_was_removed_counts_once()
    {
        var sold = Samples.Confirmed(Guid.CreateVersion7(), new DateTimeOffset(2025, 1, 2, 0, 0, 0, TimeSpan.Zero), 5, "DKK");
        await analytics.Wire.PublishAsync(sold);
        await analytics.LoggedAsync(sold);
        await analytics.Database.ExecuteAsync($"DELETE FROM inbox WHERE event_id = '{sold.EventId}'");

        await analytics.Wire.PublishAsync(sold);
        await Eventually.IsAsync("the duplicate was processed",
            () => analytics.Database.ScalarAsync<long>($"SELECT count(*) FROM inbox WHERE event_id = '{sold.EventId}'"), count => count == 1);

        var sales = await analytics.GetAsync<SalesResponse>("/analytics/sales?from=2025-01-02&to=2025-01-02");
        Assert.Equal([new SalesDayResponse(new DateOnly(2025, 1, 2), "DKK", 1, 2, 5, 0, 0)], sales.Days);
    }

    [Fact]
    public async Task The_minimum_and_maximum_dates_are_supported()
    {
        var id = Guid.CreateVersion7();
        IIntegrationEvent[] events =
        [
            Samples.Placed(id, DateTimeOffset.MinValue, 1, "XXX"),
            Samples.Confirmed(id, DateTimeOffset.MaxValue, 1, "XXX"),
            Samples.Shipped(id, DateTimeOffset.MaxValue),
        ];
        await analytics.Wire.PublishAsync(events);
        await analytics.LoggedAsync(events);

        Assert.True((await analytics.GetAsync<FunnelResponse>("/analytics/funnel?from=0001-01-01&to=0001-01-01")).Shipped > 0);
        var logged = await analytics.GetAsync<Page<LoggedEventResponse>>($"/analytics/events?aggregateId={id}&limit=1");
        var rest = await analytics.GetAsync<Page<LoggedEventResponse>>($"/analytics/events?aggregateId={id}&cursor={logged.NextCursor}");
        Assert.Equal(3, logged.Items.Count + rest.Items.Count);
    }

    [Theory]
    [InlineData("79228162514264337593543950335")]
    [InlineData("1000000000000000.01")]
    [InlineData("0.00001")]
    public async Task An_amount_out_of_range_is_dead_lettered_and_reports_continue(string amount)
    {
        var before = await analytics.Broker.CountReadyAsync(AnalyticsFixture.DeadLetters);
        var at = new DateTimeOffset(2026, 6, 16, 12, 0, 0, TimeSpan.Zero);
        var (good, bad) = (Samples.Confirmed(Guid.CreateVersion7(), at, 5, "SEK"),
            Samples.Confirmed(Guid.CreateVersion7(), at, decimal.Parse(amount, CultureInfo.InvariantCulture), "SEK"));

        await analytics.Wire.PublishAsync(bad, good);

        await analytics.LoggedAsync(good);
        await Eventually.IsAsync("the other is a dead letter",
            () => analytics.Broker.CountReadyAsync(AnalyticsFixture.DeadLetters), count => count > before);
        var sales = await analytics.GetAsync<SalesResponse>("/analytics/sales?from=2026-06-16&to=2026-06-16");
        Assert.Equal(0, Assert.Single(sales.Days).Revenue % 5);
        Assert.NotNull(await analytics.GetAsync<FunnelResponse>("/analytics/funnel?from=2026-06-16&to=2026-06-16"));
    }

    [Fact]
    public async Task Two_hundred_concurrent_confirmations_give_exact_sums()
    {
        var at = new DateTimeOffset(2026, 6, 15, 12, 0, 0, TimeSpan.Zero);
        IIntegrationEvent[] events =
            [.. Enumerable.Range(1, 200).Select(i => Samples.Confirmed(Guid.CreateVersion7(), at, 0.01m * i, "NOK", units: 3))];
        await analytics.Wire.PublishAsync(events);
        await analytics.LoggedAsync(events);

        var sales = await analytics.GetAsync<SalesResponse>("/analytics/sales?from=2026-06-15&to=2026-06-15");
        Assert.Equal([new SalesDayResponse(new DateOnly(2026, 6, 15), "NOK", 200, 600, 201.00m, 0, 0)], sales.Days);
    }

    [Fact]
    public async Task A_malformed_message_is_dead_lettered_and_the_consumer_continues()
    {
        var before = await analytics.Broker.CountReadyAsync(AnalyticsFixture.DeadLetters);
        var order = Samples.Placed(Guid.CreateVersion7(), s_now, 1);
        string Sent(string name, object message) => AnalyticsFixture.Envelope(name, message);
        string[] unreadable =
        [
            Sent("ordering.order-teleported.v1", order),
            Sent("ordering.order-placed.v99", order),
            Sent("ordering.order-placed.v1", new { orderId = "not an order" }),
            "{ this is no JSON",
            "",
        ];
        foreach (var body in unreadable)
        {
            await analytics.PublishTextAsync("ordering.order-placed.v1", body);
        }

        var good = Samples.Shipped(Guid.CreateVersion7(), s_now);
        await analytics.Wire.PublishAsync(good);
        await analytics.LoggedAsync(good);

        await Eventually.IsAsync("all that is unreadable is among the dead letters",
            () => analytics.Broker.CountReadyAsync(AnalyticsFixture.DeadLetters), count => count == before + unreadable.Length);
        var dead = await analytics.Broker.PeekAsync(AnalyticsFixture.DeadLetters);
        Assert.Empty(unreadable.Except(dead.Select(message => message.Text)));
        Assert.Equal(0, await analytics.Database.ScalarAsync<long>(
            $"SELECT count(*) FROM event_log WHERE aggregate_id = '{order.OrderId}'"));
    }

    [Fact]
    public async Task A_log_is_paged_newest_first_and_new_events_do_not_shift_pages()
    {
        var id = Guid.CreateVersion7();
        IIntegrationEvent[] events = [.. Enumerable.Range(0, 7).Select(i => Samples.Shipped(id, s_now.AddSeconds(i / 3)))];
        await analytics.Wire.PublishAsync(events);
        await analytics.LoggedAsync(events);

        List<Guid> read = [];
        string? cursor = null;
        do
        {
            var page = await analytics.GetAsync<Page<LoggedEventResponse>>($"/analytics/events?aggregateId={id}&limit=2&cursor={cursor}");
            read.AddRange(page.Items.Select(item => item.EventId));
            cursor = page.NextCursor;
            if (read.Count == 2)
            {
                var newer = Samples.Shipped(id, s_now.AddHours(1));
                await analytics.Wire.PublishAsync(newer);
                await analytics.LoggedAsync(newer);
            }
        }
        while (cursor is not null);

        Assert.Equal(events.OrderByDescending(e => e.OccurredAt).ThenByDescending(e => e.EventId.ToString(), StringComparer.Ordinal)
            .Select(e => e.EventId), read);
    }
}
