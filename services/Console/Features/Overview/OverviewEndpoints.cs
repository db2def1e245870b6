using Shop.Console.Web;
using Shop.Operations;

namespace Shop.Console.Features.Overview;

/// <summary>What the overview shows: the services' answers at one time.</summary>
public sealed record OverviewModel(IReadOnlyList<Answer<ServiceOverview>> Services, IReadOnlyList<Trouble> Troubles, DateTimeOffset Now);

internal static class OverviewEndpoints
{
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(1);

    /// <summary>A service that takes longer is unknown for this look: the others are not to wait for it.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);

    public static void MapOverview(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/", async (StaffApis services, TimeProvider clock, CancellationToken ct) =>
            Pages.Of<OverviewPage>(new { Model = await ReadAsync(services, clock, ct) }));
        routes.MapGet("/live/overview", (Live live, StaffApis services, TimeProvider clock) => live.Stream<OverviewView>(
            s_interval, async ct => new Dictionary<string, object?> { ["Model"] = await ReadAsync(services, clock, ct) }));
    }

    private static async Task<OverviewModel> ReadAsync(StaffApis services, TimeProvider clock, CancellationToken ct)
    {
        var answers = await services.AskAllAsync(service => ServiceOverview.AskAsync(service, ct).WaitAsync(s_patience, ct), ct);
        var now = clock.GetUtcNow();
        return new OverviewModel(answers, Troubles.Of(answers, now), now);
    }
}
