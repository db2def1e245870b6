using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;

namespace Shop.Cli.Demo;

/// <summary>What customers and staff did, and the responses.</summary>
internal sealed class DemoRecord
{
    public ConcurrentDictionary<Guid, string> Orders { get; } = new();

    public ConcurrentBag<double> ConfirmMilliseconds { get; } = [];

    /// <summary>The same for the first customers, who come before the programs have warmed up.</summary>
    public ConcurrentBag<double> EarlyMilliseconds { get; } = [];

    public ConcurrentBag<string> Surprises { get; } = [];

    public int Refused;
    public int Repeats;
    public int Cancelled;
    public int Shipped;
}

/// <summary>A shop's day: staff list and stock products, customers order, some badly, cancel and get their orders.</summary>
internal sealed class DemoRun(ShopApi api, DemoRecord record, int seed)
{
    private const int Customers = 25;
    private const int NothingMore = 80; // of the choices: neither cancelled nor sent again nor shipped
    private static readonly string[] s_names =
        ["Assam tea", "Darjeeling tea", "Sencha tea", "Rooibos tea", "Espresso beans", "Filter coffee", "Cocoa", "Oat biscuits",
            "Honey", "Tea pot", "Cup", "Kettle"];

    private readonly string _staff = ShopApi.Token("demo-staff", staff: true);
    private int _first;
    private readonly string _run = $"{Guid.CreateVersion7():N}"; // the seed repeats what is done, not the keys under which it is done

    public static IEnumerable<string> CustomerNames => Enumerable.Range(1, Customers).Select(i => $"demo-customer-{i}");

    public static IReadOnlyList<string> Skus { get; } = [.. s_names.Select((_, i) => $"DEMO-{i + 1}")];

    /// <summary>Lists the products, stocks them and waits until Ordering can sell them.</summary>
    public async Task OpenAsync(int orders, CancellationToken ct)
    {
        foreach (var customer in CustomerNames)
        {
            await ExpectAsync(api.PutAsync("notification", "/contacts/me", ShopApi.Token(customer),
                new { name = customer, email = $"{customer}@example.org" }, ct), "a contact is kept", HttpStatusCode.OK);
        }

        foreach (var (sku, i) in Skus.Select((sku, i) => (sku, i)))
        {
            await ExpectAsync(api.PutAsync("inventory", $"/products/{sku}", _staff,
                new { name = s_names[i], unitPrice = 2.50m + i, currency = "EUR" }, ct), "a product is listed",
                HttpStatusCode.OK, HttpStatusCode.Created);

            // The last product runs short on purpose.
            var quantity = sku == Skus[^1] ? Math.Max(1, orders / 50) : (orders * 2) + 50;
            await ExpectAsync(api.PostAsync("inventory", $"/products/{sku}/receipts", _staff,
                new { quantity }, $"receipt-{_run}-{sku}", ct), "stock is received", HttpStatusCode.OK);
        }

        var known = Stopwatch.StartNew();
        foreach (var sku in Skus)
        {
            // An invalid order distinguishes an unknown sku from a known one without placing an order.
            while ((await api.PostAsync("ordering", "/orders", ShopApi.Token("demo-staff"), Lines((sku, 1), (sku, 1)),
                $"known-{Guid.CreateVersion7()}", ct)).Problem == "unknown-sku")
            {
                if (known.Elapsed > api.Timeout)
                {
                    throw new TimeoutException($"Ordering does not know {sku} after {api.Timeout.TotalSeconds:0} s. Check Inventory's outbox: ./shop outbox inventory");
                }

                await Task.Delay(20, ct);
            }
        }
    }

    /// <summary>The first customers of the day come one after another: their times are those of programs that have just started.</summary>
    public async Task FirstVisitsAsync(int count, CancellationToken ct)
    {
        _first = count;
        for (var number = 0; number < count; number++)
        {
            await VisitAsync(number, ct);
        }
    }

    /// <summary>One visit of one customer, chosen by its number: so every run with the same seed does the same.</summary>
    public async Task VisitAsync(int number, CancellationToken ct)
    {
        var random = new Random(unchecked((seed * 397) ^ number)); // HashCode.Combine differs from process to process
        var customer = ShopApi.Token($"demo-customer-{random.Next(1, Customers + 1)}");
        switch (random.Next(100))
        {
            case >= 0 when number == 0: // a run of one order places one, and it is confirmed
                await OrderAsync(customer, number, random, ct);
                break;
            case < 3:
                await RefusedAsync(customer, Lines((Skus[0], 0)), number, "a zero quantity", HttpStatusCode.BadRequest, ct);
                break;
            case < 6:
                await RefusedAsync(customer, Lines(("NO-SUCH-THING", 1)), number, "an unknown sku", HttpStatusCode.UnprocessableEntity, ct);
                break;
            default:
                await OrderAsync(customer, number, random, ct);
                break;
        }
    }

    private async Task OrderAsync(string customer, int number, Random random, CancellationToken ct)
    {
        var skus = Skus.Take(number == 0 ? Skus.Count - 1 : Skus.Count).OrderBy(_ => random.Next()).Take(random.Next(1, 4)).ToList();
        var lines = Lines([.. skus.Select(sku => (sku, random.Next(1, 4)))]);
        var key = $"order-{_run}-{number}";
        var clock = Stopwatch.StartNew();
        var answer = await api.PostAsync("ordering", "/orders", customer, lines, key, ct);
        if (!Expect(answer, "an order is placed", HttpStatusCode.Created))
        {
            return;
        }

        var order = answer.Read<OrderView>();
        record.Orders[order.Id] = key;
        var choice = number == 0 ? NothingMore : random.Next(100);
        if (choice < 8)
        {
            await CancelAsync(customer, order.Id, ct); // most likely before Inventory has answered
        }

        if (choice is > 90 and < 96)
        {
            var again = await api.PostAsync("ordering", "/orders", customer, lines, key, ct);
            Interlocked.Increment(ref record.Repeats);
            if (again.Status != answer.Status || again.Body != answer.Body)
            {
                record.Surprises.Add($"The same Idempotency-Key gave two answers: {answer.Body} and {again.Body}");
            }
        }

        var rested = await RestAsync(customer, order.Id, ct);
        if (rested == "confirmed")
        {
            (number < _first ? record.EarlyMilliseconds : record.ConfirmMilliseconds).Add(clock.Elapsed.TotalMilliseconds);
            await AfterConfirmAsync(customer, order.Id, choice, ct);
        }
    }

    private async Task AfterConfirmAsync(string customer, Guid id, int choice, CancellationToken ct)
    {
        if (choice is >= 8 and < 14)
        {
            await CancelAsync(customer, id, ct);
        }
        else if (choice < 70)
        {
            var answer = await api.PostAsync("ordering", $"/orders/{id}/ship", _staff, null, $"ship-{id}", ct);
            if (Expect(answer, "a confirmed order is shipped", HttpStatusCode.OK))
            {
                Interlocked.Increment(ref record.Shipped);
            }
        }
    }

    private async Task CancelAsync(string customer, Guid id, CancellationToken ct)
    {
        var answer = await api.PostAsync("ordering", $"/orders/{id}/cancel", customer, null, $"cancel-{id}", ct);

        // It may have been rejected in the meantime.
        if (answer.Is(HttpStatusCode.OK))
        {
            Interlocked.Increment(ref record.Cancelled);
        }
        else if (answer.Problem != "order-not-cancellable")
        {
            record.Surprises.Add($"A cancel was answered with {(int)answer.Status}: {answer.Body}");
        }
    }

    /// <summary>Watches an order as a customer's page does, until it is no longer merely placed.</summary>
    private async Task<string> RestAsync(string customer, Guid id, CancellationToken ct)
    {
        var waited = Stopwatch.StartNew();
        while (waited.Elapsed < api.Timeout)
        {
            var order = await api.GetAsync("ordering", $"/orders/{id}", customer, ct);
            if (order.Is(HttpStatusCode.OK) && order.Read<OrderView>().Status is var status and not "placed")
            {
                return status;
            }

            // Not before it can be, then often, because it is soon, then less and less, so that watching does not become the load.
            var elapsed = waited.ElapsedMilliseconds;
            await Task.Delay(TimeSpan.FromMilliseconds(elapsed < 10 ? 25 : Math.Clamp(elapsed / 10, 5, 5_000)), ct);
        }

        return "placed";
    }

    private async Task RefusedAsync(string customer, object lines, int number, string what, HttpStatusCode status, CancellationToken ct)
    {
        var answer = await api.PostAsync("ordering", "/orders", customer, lines, $"bad-{_run}-{number}", ct);
        if (Expect(answer, $"{what} is refused", status))
        {
            Interlocked.Increment(ref record.Refused);
        }
    }

    private static object Lines(params (string Sku, int Quantity)[] lines) =>
        new { lines = lines.Select(line => new { sku = line.Sku, quantity = line.Quantity }), channel = "web" };

    private bool Expect(Answer answer, string what, params HttpStatusCode[] statuses)
    {
        if (statuses.Contains(answer.Status))
        {
            return true;
        }

        record.Surprises.Add($"Expected that {what}; the answer was {(int)answer.Status}: {answer.Body}");
        return false;
    }

    private async Task ExpectAsync(Task<Answer> answer, string what, params HttpStatusCode[] statuses) =>
        Expect(await answer, what, statuses);
}
