using System.Globalization;
using Shop.Operations;

namespace Shop.Console.Web;

/// <summary>Where a page leads to.</summary>
/// <param name="configuration">Dashboard:Url is the address of Aspire's dashboard, where there is one.</param>
public sealed class Links(IConfiguration configuration)
{
    internal const string DashboardSetting = "Dashboard:Url";

    private readonly string? _dashboard = configuration[DashboardSetting] is { Length: > 0 } url ? url.TrimEnd('/') : null;

    /// <summary>The page for a place, and what the link says.</summary>
    public (string Href, string Text) Of(Place place) => place.Kind switch
    {
        PlaceKind.Outbox => ($"/outbox/{place.Name}", $"Outbox of {place.Name}"),
        PlaceKind.DeadLetters when place.Name.Contains('.', StringComparison.Ordinal) => ($"/failed/{Uri.EscapeDataString(place.Name)}", $"Failed messages of {place.Name}"),
        PlaceKind.DeadLetters => ("/failed", "Failed messages"),
        PlaceKind.Discarded => ("/failed#audit", "Who did what"),
        PlaceKind.Stock => ("/invariants", "Invariants"),
        PlaceKind.Log when _dashboard is not null => ($"{_dashboard}/consolelogs/resource/{place.Name}", $"Log of {place.Name}"),
        _ => ($"/#{place.Name}", $"{place.Name} on the overview"),
    };

    /// <summary>A trace on the dashboard; null where there is none.</summary>
    public string? Trace(string? traceId) => _dashboard is null || string.IsNullOrEmpty(traceId) ? null : $"{_dashboard}/traces/detail/{traceId}";

    /// <summary>The journey of an order, an event or a trace.</summary>
    public static string Journey(object id) => string.Create(CultureInfo.InvariantCulture, $"/journey?q={id}");
}
