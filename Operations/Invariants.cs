using System.Globalization;

namespace Shop.Operations;

/// <summary>What a service says about the design's invariants.</summary>
/// <param name="SettledUpTo">Nothing of it before this time is unsettled.</param>
/// <param name="Because">Why not later.</param>
/// <param name="From">What is counted begins here.</param>
/// <param name="Stock">Inventory's ledger.</param>
/// <param name="Figures">Ordering's and Analytics' counts and sums, by name.</param>
/// <param name="Handled">The events whose effects are committed, by queue.</param>
/// <param name="Logged">Analytics: the events that were published, by wire name.</param>
public sealed record InvariantFacts(
    string Service, DateTimeOffset? SettledUpTo, IReadOnlyList<string> Because, DateTimeOffset? From, StockFacts? Stock,
    IReadOnlyDictionary<string, decimal>? Figures, IReadOnlyDictionary<string, long>? Handled, IReadOnlyDictionary<string, long>? Logged);

public sealed record StockFacts(int Products, IReadOnlyList<string> Violations);

/// <summary>Whether an invariant holds; unknown where a service did not answer.</summary>
public enum Holding
{
    /// <summary>It holds.</summary>
    Holds,

    /// <summary>Something is in flight: not yet, and not wrong.</summary>
    InFlight,

    /// <summary>It is broken.</summary>
    Broken,

    /// <summary>A service that has to be asked did not answer.</summary>
    Unknown,
}

/// <summary>One of the design's invariants, judged.</summary>
/// <param name="Details">What is wrong, or in flight.</param>
public sealed record InvariantFinding(string Name, string What, Holding Holding, IReadOnlyList<string> Details, string ToDo);

/// <summary>
/// Judges I3, I5, I6 and I7 over all services. I5 and I7 are judged up to the oldest event that is not settled: what is younger is in
/// flight, and not wrong.
/// </summary>
/// <param name="Until">Up to when the services were compared; null where one did not answer.</param>
/// <param name="Unknown">The services that did not answer, and why.</param>
public sealed record InvariantReport(
    DateTimeOffset? Until, IReadOnlyList<string> InFlight, IReadOnlyList<(string Service, string Problem)> Unknown, IReadOnlyList<InvariantFinding> Findings)
{
    /// <summary>Asks twice: up to when each is settled, and then all up to the same time.</summary>
    public static async Task<InvariantReport> AskAsync(StaffApis services, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(services);
        var settled = await services.AskAllAsync(service => service.GetAsync<InvariantFacts>("operations/invariants", ct), ct);
        var overviews = services.AskAllAsync(service => ServiceOverview.AskAsync(service, ct), ct);
        var contracts = services.AskAllAsync(service => ContractsInUse.AskAsync(service, ct), ct);
        DateTimeOffset? until = settled.Any(answer => answer.Value?.SettledUpTo is null) ? null : settled.Min(answer => answer.Value!.SettledUpTo);
        var facts = until is not { } time ? settled : await services.AskAllAsync(service => service.GetAsync<InvariantFacts>(
            $"operations/invariants?until={Uri.EscapeDataString(time.ToString("O", CultureInfo.InvariantCulture))}", ct), ct);
        return new InvariantReport(until, [.. settled.SelectMany(answer => answer.Value?.Because ?? [])],
            [.. settled.Where(answer => answer.Problem is not null).Select(answer => (answer.Service, answer.Problem!))],
            [Stock(facts), Figures(facts, until), AtRest(await overviews), Consumed(facts, await contracts, until)]);
    }

    /// <summary>Units are nowhere lost or made.</summary>
    public static InvariantFinding Stock(IReadOnlyList<Answer<InvariantFacts>> facts)
    {
        var stock = facts.FirstOrDefault(answer => answer.Service == "inventory")?.Value?.Stock;
        return new InvariantFinding("I3", stock is null ? "The stock adds up"
                : $"The stock of {Words.Count(stock.Products, "product")} adds up: on hand + reserved + shipped = received + adjusted, and none is negative",
            stock is null ? Holding.Unknown : stock.Violations.Count == 0 ? Holding.Holds : Holding.Broken, stock?.Violations ?? [],
            "Stop selling the product, run Inventory's verify-stock, and correct it with an adjustment that says why.");
    }

    /// <summary>Analytics has counted what Ordering has.</summary>
    public static InvariantFinding Figures(IReadOnlyList<Answer<InvariantFacts>> facts, DateTimeOffset? until)
    {
        var ordering = facts.FirstOrDefault(answer => answer.Service == "ordering")?.Value?.Figures;
        var analytics = facts.FirstOrDefault(answer => answer.Service == "analytics")?.Value?.Figures;
        const string ToDo = "Look for dead letters of analytics.event-log, then rebuild Analytics' projections from its log.";
        if (ordering is null || analytics is null || until is null)
        {
            return new InvariantFinding("I5", "Analytics' figures equal Ordering's", Holding.Unknown, [], ToDo);
        }

        List<string> differences = [.. ordering.Keys.Union(analytics.Keys).Order(StringComparer.Ordinal)
            .Select(key => (Key: key, Ordering: ordering.GetValueOrDefault(key), Analytics: analytics.GetValueOrDefault(key)))
            .Where(figure => figure.Ordering != figure.Analytics)
            .Select(figure => string.Create(CultureInfo.InvariantCulture, $"{figure.Key}: {figure.Analytics} at Analytics, {figure.Ordering} at Ordering"))];
        return new InvariantFinding("I5", string.Create(CultureInfo.InvariantCulture,
            $"Analytics' figures equal Ordering's, of {ordering.GetValueOrDefault("placed"):0} orders"), differences.Count == 0 ? Holding.Holds : Holding.Broken, differences, ToDo);
    }

    /// <summary>Outboxes and queues are empty: while orders are placed, they are in flight.</summary>
    public static InvariantFinding AtRest(IReadOnlyList<Answer<ServiceOverview>> services)
    {
        var unknown = services.Any(answer => answer.Value is not { IsWhole: true, Outbox: not null } service || service.Queues.Any(queue => queue.Ready is null));
        var stays = services.Select(answer => answer.Value).OfType<ServiceOverview>().SelectMany(service => service.Queues
            .Where(queue => queue.DeadLetters > 0).Select(queue => $"{queue.Queue}: {Words.Count(queue.DeadLetters!.Value, "dead letter")}")
            .Concat(service.Outbox is { Parked: > 0 and var parked } ? [$"{service.Service}: {Words.Count(parked, "parked event")}"] : [])).ToList();
        var moves = services.Select(answer => answer.Value).OfType<ServiceOverview>().SelectMany(service => service.Queues
            .Where(queue => queue.Ready + queue.Processing > 0).Select(queue => $"{queue.Queue}: {Words.Count(queue.Ready!.Value + queue.Processing, "message")}")
            .Concat(service.Outbox is { Waiting: > 0 and var waiting } ? [$"{service.Service}: {Words.Count(waiting, "event")} in the outbox"] : [])
            .Concat(service.Retrying is > 0 and var retrying ? [$"{service.Service}: {Words.Count(retrying, "message")} to be retried"] : [])).ToList();
        return new InvariantFinding("I6", "At rest, outboxes and queues are empty",
            stays.Count > 0 ? Holding.Broken : unknown ? Holding.Unknown : moves.Count > 0 ? Holding.InFlight : Holding.Holds,
            [.. stays, .. moves], "Failed messages: read why, mend the cause, send them again.");
    }

    /// <summary>Each queue has consumed what was published for it.</summary>
    public static InvariantFinding Consumed(
        IReadOnlyList<Answer<InvariantFacts>> facts, IReadOnlyList<Answer<ContractsInUse>> contracts, DateTimeOffset? until)
    {
        const string What = "Every queue has consumed what was published for it, each event once";
        const string ToDo = "Look for the queue on Failed messages; an event that is nowhere is found on Journey, by its id.";
        var analytics = facts.FirstOrDefault(answer => answer.Service == "analytics")?.Value;
        if (until is null || analytics?.Logged is not { } logged || contracts.Any(answer => answer.Value is null) || facts.Any(answer => answer.Value?.Handled is null))
        {
            return new InvariantFinding("I7", What, Holding.Unknown, [], ToDo);
        }

        var handled = facts.SelectMany(answer => answer.Value!.Handled!).ToDictionary(queue => queue.Key, queue => queue.Value);
        var differences = contracts.SelectMany(answer => answer.Value!.Consumes).GroupBy(consumed => consumed.Queue)
            .Where(queue => handled.ContainsKey(queue.Key))
            .Select(queue => (queue.Key, Handled: handled[queue.Key],
                Published: queue.Select(consumed => consumed.Type).Distinct().Sum(type => logged.GetValueOrDefault(type))))
            .Where(queue => queue.Handled != queue.Published)
            .Select(queue => $"{queue.Key}: {queue.Handled} consumed of {queue.Published} published").ToList();
        return new InvariantFinding("I7", $"{What}, since {analytics.From:yyyy-MM-dd HH:mm} UTC", differences.Count == 0 ? Holding.Holds : Holding.Broken, differences, ToDo);
    }
}
