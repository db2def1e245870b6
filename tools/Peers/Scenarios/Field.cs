using Shop.Benchmarks;
using Shop.Peers.Model;

namespace Shop.Peers.Scenarios;

/// <summary>The contestants of a scenario, which alternate in one run.</summary>
internal sealed class Field(IReadOnlyList<Contestant> all) : IAsyncDisposable
{
    public IReadOnlyList<Contestant> All => all;

    public async ValueTask DisposeAsync()
    {
        foreach (var contestant in all)
        {
            await contestant.DisposeAsync();
        }
    }

    /// <summary>A figure of MassTransit's, whose EF Core outbox the feed does not have: measured once, on 2026-11-28, in another run.</summary>
    public static ResultRow MassTransit(double? rate = null, double? cpu = null) =>
        new("MassTransit EF 8.5, not rerun", 0, 0, Exactly(rate), Exactly(cpu));

    public static Spread? Exactly(double? value) => value is { } known ? new Spread(known, known, known) : null;
}
