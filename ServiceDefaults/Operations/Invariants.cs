using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Shop.Messaging.Operations;

namespace Shop.ServiceDefaults.Operations;

/// <summary>A window of time: orders and events that were recorded within it.</summary>
/// <param name="From">The begin.</param>
/// <param name="Until">The end, exclusive.</param>
public sealed record InvariantWindow(DateTimeOffset From, DateTimeOffset Until);

/// <summary>What a service adds to the invariants, from its own tables.</summary>
/// <param name="Stock">I3: Inventory's.</param>
/// <param name="Figures">I5: Ordering's and Analytics', equal figure by figure.</param>
/// <param name="Logged">I7: Analytics': distinct events per wire name.</param>
public sealed record InvariantPart(
    StockPart? Stock = null, IReadOnlyDictionary<string, decimal>? Figures = null, IReadOnlyDictionary<string, long>? Logged = null);

/// <summary>Whether the stock adds up, in one snapshot.</summary>
/// <param name="Products">How many products were checked.</param>
/// <param name="Violations">What does not add up.</param>
public sealed record StockPart(long Products, IReadOnlyList<string> Violations);

/// <summary>What a service says about the invariants.</summary>
/// <param name="Service">The service.</param>
/// <param name="SettledUpTo">No event of it from before this time is still on its way.</param>
/// <param name="Because">What is still on its way, or stands still.</param>
/// <param name="From">The begin of the window of figures, logged and handled.</param>
/// <param name="Until">Its end.</param>
/// <param name="Handled">I7: per queue, distinct events whose effects are committed.</param>
/// <param name="Stock">I3: Inventory's.</param>
/// <param name="Figures">I5: Ordering's and Analytics', of the orders placed within the window, with what happened to them until its end.</param>
/// <param name="Logged">I7: Analytics': distinct events per wire name.</param>
public sealed record InvariantsResponse(
    string Service, DateTimeOffset SettledUpTo, IReadOnlyList<string> Because, DateTimeOffset From, DateTimeOffset Until,
    IReadOnlyDictionary<string, long> Handled, StockPart? Stock, IReadOnlyDictionary<string, decimal>? Figures, IReadOnlyDictionary<string, long>? Logged);

/// <summary>Reads a service's part of the invariants.</summary>
public delegate Task<InvariantPart> InvariantSource(IServiceProvider services, InvariantWindow window, CancellationToken ct);

/// <summary>The invariants I3, I5 and I7, as far as one service can tell.</summary>
public static class Invariants
{
    private static readonly TimeSpan s_default = TimeSpan.FromHours(1);
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(1);

    /// <summary>Adds what the service itself has to say.</summary>
    public static void AddInvariants(this IServiceCollection services, InvariantSource source) => services.AddSingleton(source);

    internal static void MapInvariants(this RouteGroupBuilder operations) => operations.MapGet("invariants", Show)
        .WithSummary("Up to when all events are settled, and the figures that must agree between services (staff).")
        .WithDescription("Of a window of at most a day: by default the hour before until, which by default is up to when this service is settled.")
        .ProducesValidationProblem();

    private static async Task<Results<Ok<InvariantsResponse>, ValidationProblem>> Show(
        IInvariantReport report, IOperationsReport overview, IServiceProvider services, CancellationToken ct, DateTimeOffset? from = null,
        DateTimeOffset? until = null)
    {
        var now = (await overview.ReadAsync(ct)).ReadAt;
        var window = WindowOf(from, until ?? now);
        if (window is null)
        {
            return TypedResults.ValidationProblem(new Dictionary<string, string[]> { ["from"] = ["It must be before until, by a day at most."] });
        }

        var settled = await report.ReadAsync(window.From, window.Until, ct);
        var part = services.GetService<InvariantSource>() is { } source ? await source(services, window, ct) : new InvariantPart();
        return TypedResults.Ok(new InvariantsResponse((await overview.ReadAsync(ct)).Service, settled.SettledUpTo, settled.Because, window.From, window.Until,
            settled.Handled, part.Stock, part.Figures, part.Logged));
    }

    private static InvariantWindow? WindowOf(DateTimeOffset? from, DateTimeOffset until)
    {
        // Npgsql takes UTC only; and no time is before the first day.
        var end = until.ToUniversalTime();
        var begin = from?.ToUniversalTime() ?? (end - DateTimeOffset.MinValue > s_longest ? end - s_default : DateTimeOffset.MinValue);
        return begin < end && end - begin <= s_longest ? new InvariantWindow(begin, end) : null;
    }
}
