using System.Globalization;

namespace Shop.Benchmarks.Servers;

/// <summary>What the servers have done, as they count it themselves.</summary>
/// <param name="Statements">Of the services, BEGIN, COMMIT and SAVEPOINT included.</param>
/// <param name="Transactions">Commits in the services' databases.</param>
/// <param name="LogBytes">Of PostgreSQL's write-ahead log.</param>
/// <param name="Publishes">Messages that the broker was given.</param>
/// <param name="Deliveries">Messages that it handed to consumers.</param>
internal readonly record struct ServerWork(double Statements, double Transactions, double LogBytes, double Publishes, double Deliveries)
{
    public static ServerWork operator -(ServerWork a, ServerWork b) => new(
        a.Statements - b.Statements, a.Transactions - b.Transactions, a.LogBytes - b.LogBytes, a.Publishes - b.Publishes, a.Deliveries - b.Deliveries);

    public static ServerWork operator /(ServerWork all, double count) =>
        new(all.Statements / count, all.Transactions / count, all.LogBytes / count, all.Publishes / count, all.Deliveries / count);

    public static IEnumerable<Finding> Findings(IEnumerable<ServerWork> orders)
    {
        var all = orders.ToList();
        Finding One(string what, Func<ServerWork, double> of) => new($"{what} per order", Spread.Of(all.Select(of)), "0.0");
        return
        [
            One("statements", work => work.Statements), One("transactions", work => work.Transactions),
            One("kB of PostgreSQL's log", work => work.LogBytes / 1e3), One("publishes", work => work.Publishes),
            One("deliveries", work => work.Deliveries),
        ];
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Statements:0.0} statements, {Transactions:0.0} transactions, {LogBytes / 1e3:0.0} kB of log, {Publishes:0.0} publishes, {Deliveries:0.0} deliveries each");
}
