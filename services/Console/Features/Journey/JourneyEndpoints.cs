using Shop.Console.Web;
using Shop.Operations;
using Shop.Operations.Journey;

namespace Shop.Console.Features.Journey;

/// <summary>An order's way through the services, with what is missing and why.</summary>
public sealed record JourneyModel(OrderRecords Records, IReadOnlyList<Step> Steps, IReadOnlyList<Gap> Gaps, Cause Cause, DateTimeOffset Now)
{
    public string? TraceId => Records.Events.Select(logged => logged.TraceId).FirstOrDefault(trace => trace is not null);
}

internal static class JourneyEndpoints
{
    private const int Recent = 15;
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(2);

    public static void MapJourney(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/journey", ShowAsync);
        routes.MapGet("/live/journey/{order:guid}", (Guid order, Live live, StaffApis services, TimeProvider clock) => live.Stream<JourneyView>(
            s_interval, async ct => new Dictionary<string, object?> { ["Model"] = await ReadAsync(services, order, clock, ct) }));
    }

    private static async Task<IResult> ShowAsync(string? q, StaffApis services, TimeProvider clock, CancellationToken ct)
    {
        if (string.IsNullOrWhiteSpace(q))
        {
            var recent = await Answer.OrUnknownAsync("ordering", () => services.Of("ordering").PageAsync<OrderSummary>("orders", Recent, ct), ct);
            return Pages.Of<SearchPage>(new { Recent = recent, Now = clock.GetUtcNow() });
        }

        var found = await Found.SearchAsync(services, q, ct);
        return found.Order is { } order && await ReadAsync(services, order, clock, ct) is { } model
            ? Pages.Of<JourneyPage>(new { Model = model, Query = q })
            : Pages.Of<SearchPage>(new { Query = q, Explanation = found.Explanation, Now = clock.GetUtcNow() });
    }

    private static async Task<JourneyModel?> ReadAsync(StaffApis services, Guid order, TimeProvider clock, CancellationToken ct)
    {
        if (await OrderRecords.ReadAsync(services, order, ct) is not { } records)
        {
            return null;
        }

        var now = clock.GetUtcNow();
        var gaps = Gaps.In(records, now);
        return new JourneyModel(records, Story.Of(records), gaps, Cause.Of(records, gaps, now), now);
    }
}
