using System.Net.Http.Json;
using Shop.Analytics.Features.BestSellers;
using Shop.Analytics.Features.Funnel;
using Shop.Analytics.Features.Rejections;
using Shop.Analytics.Features.SalesPerDay;
using Shop.Analytics.Features.StockOuts;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Ordering.V1;
using Shop.Messaging;
using OrderPlaced = Shop.Contracts.Ordering.V2.OrderPlaced;

namespace Shop.Analytics.Tests;

/// <summary>The figures that the routes must return for events, computed directly and not by the projections.</summary>
internal sealed class Figures(IEnumerable<IIntegrationEvent> events, DateOnly from, DateOnly to)
{
    private readonly List<IIntegrationEvent> _events = [.. events.DistinctBy(e => e.EventId).Select(ShopEvents.Catalog.Newest)];

    public string Range { get; } = $"from={from:yyyy-MM-dd}&to={to:yyyy-MM-dd}";

    public IEnumerable<SalesDayResponse> Sales
    {
        get
        {
            var sold = All<OrderConfirmed>().ToLookup(e => (DayOf(e), e.Currency));
            var cancelled = All<OrderCancelled>().Where(e => e.WasConfirmed).ToLookup(e => (DayOf(e), e.Currency));
            return from key in sold.Select(day => day.Key).Union(cancelled.Select(day => day.Key))
                   orderby key.Item1, key.Currency
                   select new SalesDayResponse(key.Item1, key.Currency, sold[key].Count(), sold[key].Sum(e => e.Lines.Sum(l => (long)l.Quantity)),
                       sold[key].Sum(e => e.Total), cancelled[key].Count(), cancelled[key].Sum(e => e.Total));
        }
    }

    public FunnelResponse Funnel
    {
        get
        {
            var placed = All<OrderPlaced>().ToDictionary(e => e.OrderId);
            var confirmed = All<OrderConfirmed>().Where(e => placed.ContainsKey(e.OrderId)).ToDictionary(e => e.OrderId);
            var shipped = All<OrderShipped>().Where(e => placed.ContainsKey(e.OrderId)).ToList();
            return new FunnelResponse(from, to, placed.Count, confirmed.Count, All<OrderRejected>().Count(e => placed.ContainsKey(e.OrderId)),
                All<OrderCancelled>().Count(e => placed.ContainsKey(e.OrderId)), shipped.Count,
                Times(confirmed.Values.Select(e => e.OccurredAt - placed[e.OrderId].OccurredAt)),
                Times(shipped.Where(e => confirmed.ContainsKey(e.OrderId)).Select(e => e.OccurredAt - confirmed[e.OrderId].OccurredAt)));
        }
    }

    public IEnumerable<BestSellerResponse> BestSellers
    {
        get
        {
            var cancelled = All<OrderCancelled>().Select(e => e.OrderId).ToHashSet();
            return from e in All<OrderConfirmed>()
                   where !cancelled.Contains(e.OrderId)
                   from line in e.Lines
                   group line by (line.Sku, e.Currency) into lines
                   let units = lines.Sum(line => (long)line.Quantity)
                   let revenue = lines.Sum(line => line.Quantity * line.UnitPrice)
                   orderby units descending, revenue descending, lines.Key.Sku, lines.Key.Currency
                   select new BestSellerResponse(lines.Key.Sku, lines.Key.Currency, lines.Count(), units, revenue);
        }
    }

    /// <summary>Flat, so that it can be compared: reason, its orders, sku and the sku's three figures.</summary>
    public IEnumerable<(string, long, RejectedSkuResponse)> Rejections =>
        from reason in All<OrderRejected>().GroupBy(e => e.Reason)
        from line in reason.SelectMany(e => e.ShortLines).GroupBy(line => line.Sku)
        let row = new RejectedSkuResponse(line.Key, line.Count(), line.Sum(l => (long)l.Asked), line.Sum(l => (long)l.Asked - l.Available))
        orderby reason.Count() descending, reason.Key, row.Orders descending, row.Sku
        select (reason.Key, reason.LongCount(), row);

    public IEnumerable<StockOutResponse> StockOuts
    {
        get
        {
            var lines = All<StockReservationFailed>().SelectMany(e => e.ShortLines).ToLookup(line => line.Sku);
            var low = All<StockLevelLow>().ToLookup(e => e.Sku);
            return from sku in lines.Select(l => l.Key).Union(low.Select(l => l.Key))
                   let row = new StockOutResponse(sku, lines[sku].Count(), lines[sku].Sum(l => (long)l.Asked),
                       lines[sku].Sum(l => (long)l.Asked - l.Available), low[sku].Count())
                   orderby row.Missing descending, row.LowAlerts descending, row.Sku
                   select row;
        }
    }

    /// <summary>Fails unless every route answers exactly this.</summary>
    public async Task AssertServedByAsync(HttpClient client)
    {
        Assert.Equal(Sales, (await GetAsync<SalesResponse>("sales")).Days);
        Assert.Equal(BestSellers, (await GetAsync<BestSellersResponse>("best-sellers", "&limit=100")).Items);
        var rejections = await GetAsync<RejectionsResponse>("rejections");
        Assert.Equal(Rejections, rejections.Reasons.SelectMany(reason => reason.Skus, (reason, sku) => (reason.Reason, reason.Orders, sku)));
        Assert.Equal(StockOuts, (await GetAsync<StockOutsResponse>("stock-outs")).Items);
        Assert.Equal(Rounded(Funnel), Rounded(await GetAsync<FunnelResponse>("funnel")));

        async Task<T> GetAsync<T>(string figures, string more = "") =>
            (await client.GetFromJsonAsync<T>($"/analytics/{figures}?{Range}{more}"))!;
    }

    private static FunnelResponse Rounded(FunnelResponse f) =>
        f with { PlacedToConfirmedMs = Rounded(f.PlacedToConfirmedMs), ConfirmedToShippedMs = Rounded(f.ConfirmedToShippedMs) };

    private static StepTimes Rounded(StepTimes times) => new(Rounded(times.P50), Rounded(times.P95));

    private static double? Rounded(double? ms) => ms is null ? null : Math.Round(ms.Value, 3);

    private static StepTimes Times(IEnumerable<TimeSpan> times)
    {
        var sorted = times.Select(time => time.TotalMilliseconds).Order().ToList();
        return sorted is [] ? new StepTimes(null, null) : new StepTimes(Percentile(0.5), Percentile(0.95));

        double Percentile(double fraction)
        {
            var at = fraction * (sorted.Count - 1);
            var (below, above) = (sorted[(int)Math.Floor(at)], sorted[(int)Math.Ceiling(at)]);
            return below + ((above - below) * (at - Math.Floor(at)));
        }
    }

    private static DateOnly DayOf(IIntegrationEvent e) => DateOnly.FromDateTime(e.OccurredAt.UtcDateTime);

    private IEnumerable<T> All<T>()
        where T : IIntegrationEvent => _events.OfType<T>();
}
