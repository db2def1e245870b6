using Shop.Console.Web;
using Shop.Operations;

namespace Shop.Console.Features.Invariants;

internal static class InvariantsEndpoints
{
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(5);

    public static void MapInvariants(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/invariants", async (StaffApis services, TimeProvider clock, CancellationToken ct) =>
            Pages.Of<InvariantsPage>(new { Report = await InvariantReport.AskAsync(services, ct), Now = clock.GetUtcNow() }));
        routes.MapGet("/live/invariants", (Live live, StaffApis services, TimeProvider clock) => live.Stream<InvariantsView>(
            s_interval, async ct => new Dictionary<string, object?> { ["Report"] = await InvariantReport.AskAsync(services, ct), ["Now"] = clock.GetUtcNow() }));
    }
}
