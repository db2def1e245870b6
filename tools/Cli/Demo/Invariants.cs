using System.Diagnostics;
using Shop.Operations;

namespace Shop.Cli.Demo;

/// <summary>One of the design's invariants, as the public APIs show it.</summary>
/// <param name="Name">Its number in the design.</param>
/// <param name="What">What was checked, and over how many things.</param>
/// <param name="Violations">What is wrong; empty when it holds.</param>
internal sealed record Finding(string Name, string What, IReadOnlyList<string> Violations);

/// <summary>Checks I1 to I5 over all of the shop's data, of this run and of earlier ones.</summary>
internal sealed class Invariants(ShopApi api, DemoRecord record)
{
    /// <summary>A notification that a killed instance had claimed is claimed again when its lease expires.</summary>
    private static readonly TimeSpan s_letters = TimeSpan.FromMinutes(4);

    private readonly string _staff = ShopApi.Token("demo-staff", staff: true);

    /// <summary>
    /// Checks until all hold, or the time is up: the last events may still be in flight. Violations after that are final.
    /// </summary>
    public async Task<IReadOnlyList<Finding>> CheckAsync(CancellationToken ct)
    {
        var waited = Stopwatch.StartNew();
        while (true)
        {
            var findings = await CheckOnceAsync(ct);
            var broken = findings.Where(finding => finding.Violations.Count > 0).Select(finding => finding.Name).ToList();
            if (broken.Count == 0 || waited.Elapsed > (broken is ["I4"] && s_letters > api.Timeout ? s_letters : api.Timeout))
            {
                return findings;
            }

            await Task.Delay(500, ct);
        }
    }

    private async Task<IReadOnlyList<Finding>> CheckOnceAsync(CancellationToken ct)
    {
        var orders = await api.ListAsync<OrderView>("ordering", "/orders", _staff, ct);
        var events = await api.ListAsync<EventView>("analytics", "/analytics/events", _staff, ct);
        var movements = await MovementsAsync(ct);
        return
        [
            Acknowledged(orders),
            await OneEffectAsync(events, movements, ct),
            await StockAsync(orders, movements, ct),
            await NotificationsAsync(orders, ct),
            await FiguresAsync(orders, events, ct),
        ];
    }

    private Finding Acknowledged(List<OrderView> orders)
    {
        var byId = orders.ToDictionary(order => order.Id);
        var violations = record.Orders.Keys.Where(id => !byId.ContainsKey(id)).Select(id => $"order {id} is lost")
            .Concat(orders.Where(order => order.Status == "placed").Select(order => $"order {order.Id} is still only placed"));
        var exist = record.Orders.Count == 1 ? "the order that was acknowledged exists, and it" : $"all {record.Orders.Count} orders that were acknowledged exist, and each";
        return new Finding("I1", $"Nothing is lost: {exist} got its answer", [.. violations]);
    }

    private async Task<Finding> OneEffectAsync(
        List<EventView> events, Dictionary<string, List<MovementView>> movements, CancellationToken ct)
    {
        var repeatedEvents = events.GroupBy(e => e.EventId).Where(group => group.Count() > 1)
            .Select(group => $"event {group.Key} is logged {group.Count()} times");
        var repeatedMovements = movements.SelectMany(pair => pair.Value.Where(movement => movement.OrderId is not null)
            .GroupBy(movement => (movement.OrderId, movement.Kind)).Where(group => group.Count() > 1)
            .Select(group => $"order {group.Key.OrderId} {group.Key.Kind} {pair.Key} {group.Count()} times"));
        List<string> standing = [];
        foreach (var customer in DemoRun.CustomerNames)
        {
            var token = ShopApi.Token(customer);
            var counted = (await api.GetAsync("ordering", "/customers/me", token, ct)).Read<CustomerView>().ConfirmedOrders;
            var confirmed = (await api.ListAsync<OrderView>("ordering", "/orders", token, ct)).Count(order => order.WasConfirmed);
            if (counted != confirmed)
            {
                standing.Add($"{customer} has {confirmed} confirmed orders, {counted} were counted");
            }
        }

        return new Finding("I2", $"Nothing happens twice: {events.Count} events and {movements.Values.Sum(m => m.Count)} stock movements had one effect each",
            [.. repeatedEvents, .. repeatedMovements, .. standing]);
    }

    private async Task<Finding> StockAsync(
        List<OrderView> orders, Dictionary<string, List<MovementView>> movements, CancellationToken ct)
    {
        // Inventory judges its own ledger; what its units are for is Ordering's.
        var stock = (await api.GetAsync("inventory", "/operations/invariants", _staff, ct)).Read<InvariantFacts>().Stock
            ?? throw new FailureException("Inventory says nothing about its stock: is it older than this command?");
        List<string> violations = [.. stock.Violations];
        foreach (var sku in movements.Keys)
        {
            var product = (await api.GetAsync("inventory", $"/products/{sku}", _staff, ct)).Read<ProductView>();
            int Units(string status) => orders.Where(order => order.Status == status)
                .SelectMany(order => order.Lines).Where(line => line.Sku == sku).Sum(line => line.Quantity);

            Check(product.Reserved == Units("confirmed"), $"{sku}: {product.Reserved} reserved, {Units("confirmed")} in confirmed orders");
            Check(product.Shipped == Units("shipped"), $"{sku}: {product.Shipped} shipped, {Units("shipped")} in shipped orders");
        }

        return new Finding("I3", $"Nothing is oversold: the stock of {stock.Products} products adds up, and none is below zero", violations);

        void Check(bool holds, string otherwise)
        {
            if (!holds)
            {
                violations.Add(otherwise);
            }
        }
    }

    private async Task<Finding> NotificationsAsync(List<OrderView> orders, CancellationToken ct)
    {
        var all = await api.ListAsync<NotificationView>("notification", "/notifications", _staff, ct);
        var repeated = all.GroupBy(n => (n.EventId, n.Recipient, n.Channel)).Where(group => group.Count() > 1)
            .Select(group => $"event {group.Key.EventId} notified {group.Key.Recipient} {group.Count()} times");
        var notified = all.Where(n => n.OrderId is not null).ToLookup(n => n.OrderId!.Value);

        // One for each change after the placing, which is not notified.
        var missing = orders.Where(order => notified[order.Id].Count() != order.Version - 1)
            .Select(order => $"order {order.Id} ({order.Status}) has {notified[order.Id].Count()} notifications, not {order.Version - 1}");
        var undelivered = all.Where(n => n.Status != "delivered" && n.Recipient.StartsWith("demo-", StringComparison.Ordinal))
            .Select(n => $"the notification of event {n.EventId} is {n.Status}");
        return new Finding("I4", $"Nobody is notified twice: {Words.Count(all.Count, "notification")}, one per event and recipient, all delivered", [.. repeated, .. missing, .. undelivered]);
    }

    /// <summary>
    /// Stricter than the services' own I5, and so of its own: the demo ends at rest, so that it holds the pages that people read (funnel, sales,
    /// money sold and cancelled) against all orders. The services compare orders of at most a day, up to what is settled, whatever else goes on.
    /// </summary>
    private async Task<Finding> FiguresAsync(List<OrderView> orders, List<EventView> events, CancellationToken ct)
    {
        var today = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime);
        var range = $"?from={today.AddDays(-364):O}&to={today.AddDays(1):O}";
        var funnel = (await api.GetAsync("analytics", "/analytics/funnel" + range, _staff, ct)).Read<FunnelView>();
        var sales = (await api.GetAsync("analytics", "/analytics/sales" + range, _staff, ct)).Read<SalesView>();
        List<string> violations = [];
        Same("orders placed", funnel.Placed, orders.Count);
        Same("orders confirmed", funnel.Confirmed, orders.Count(order => order.WasConfirmed));
        Same("orders rejected", funnel.Rejected, orders.Count(order => order.Status == "rejected"));
        Same("orders cancelled", funnel.Cancelled, orders.Count(order => order.Status == "cancelled"));
        Same("orders shipped", funnel.Shipped, orders.Count(order => order.Status == "shipped"));
        Same("OrderPlaced logged", events.Count(e => e.Type.StartsWith("ordering.order-placed.", StringComparison.Ordinal)), orders.Count);
        foreach (var currency in orders.GroupBy(order => order.Currency))
        {
            var days = sales.Days.Where(day => day.Currency == currency.Key).ToList();
            var cancelled = currency.Where(order => order is { Status: "cancelled", WasConfirmed: true }).ToList();
            Same($"sold in {currency.Key}", days.Sum(day => day.Revenue), currency.Where(order => order.WasConfirmed).Sum(order => order.Total));
            Same($"sales in {currency.Key}", days.Sum(day => day.Orders), currency.Count(order => order.WasConfirmed));
            Same($"cancelled in {currency.Key}", days.Sum(day => day.CancelledRevenue), cancelled.Sum(order => order.Total));
        }

        return new Finding("I5", $"The figures agree: Analytics' counts and sums equal those of Ordering's {orders.Count} order{(orders.Count == 1 ? "" : "s")}, this run's and all before", violations);

        void Same(string what, decimal analytics, decimal ordering)
        {
            if (analytics != ordering)
            {
                violations.Add($"{what}: {analytics} at Analytics, {ordering} at Ordering");
            }
        }
    }

    private async Task<Dictionary<string, List<MovementView>>> MovementsAsync(CancellationToken ct)
    {
        Dictionary<string, List<MovementView>> movements = [];
        foreach (var sku in DemoRun.Skus)
        {
            movements[sku] = await api.ListAsync<MovementView>("inventory", $"/products/{sku}/movements", _staff, ct);
        }

        return movements;
    }
}
