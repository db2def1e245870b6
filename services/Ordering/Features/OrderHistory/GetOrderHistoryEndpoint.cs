using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Security.Claims;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Ordering.Domain;
using Shop.Ordering.Persistence;
using Shop.ServiceDefaults.Http;

namespace Shop.Ordering.Features.OrderHistory;

/// <summary>One status change of an order.</summary>
/// <param name="Version">The order's version after it.</param>
/// <param name="From">The status before; missing for the placing.</param>
/// <param name="To">The status after: placed, confirmed, rejected, cancelled or shipped.</param>
/// <param name="Reason">Why it was rejected or cancelled, as a stable code.</param>
/// <param name="Cause">customer, staff, event (of another service) or deadline.</param>
/// <param name="CausedBy">The customer, or the event's wire name. Staff names are visible to staff only.</param>
/// <param name="At">When, UTC.</param>
public sealed record OrderHistoryResponse(
    int Version,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? From,
    string To,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Reason,
    string Cause,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? CausedBy,
    DateTimeOffset At);

internal static class GetOrderHistoryEndpoint
{
    public static void MapGetOrderHistory(this IEndpointRouteBuilder routes) => routes.MapGet("/orders/{id:guid}/history", GetHistory)
        .WithSummary("The status changes of an order since it was placed, with their causes.")
        .ProducesProblem(StatusCodes.Status404NotFound);

    private static async Task<Results<Ok<Page<OrderHistoryResponse>>, ProblemHttpResult>> GetHistory(
        Guid id,
        ClaimsPrincipal user,
        OrderingDbContext db,
        CancellationToken ct,
        string? cursor = null,
        [Range(1, Paging.MaxLimit)] int limit = Paging.DefaultLimit)
    {
        var after = VersionFromCursor(cursor);
        if (!await db.Orders.VisibleTo(user).AnyAsync(order => order.Id == id, ct))
        {
            return Problem.NotFound($"There is no order {id}.");
        }

        var rows = await db.History.AsNoTracking().Where(entry => entry.OrderId == id && entry.Version > after)
            .OrderBy(entry => entry.Version).Take(limit + 1).ToListAsync(ct);
        var page = Paging.ToPage(rows, limit, entry => entry.Version.ToString(CultureInfo.InvariantCulture));
        return TypedResults.Ok(new Page<OrderHistoryResponse>([.. page.Items.Select(entry => Response(entry, user.IsStaff()))], page.NextCursor));
    }

    private static OrderHistoryResponse Response(OrderHistoryEntry entry, bool forStaff) => new(
        entry.Version,
        entry.FromStatus is { } from ? OrderResponse.StatusName(from) : null,
        OrderResponse.StatusName(entry.ToStatus),
        entry.Reason,
        JsonNamingPolicy.KebabCaseLower.ConvertName(entry.Cause.ToString()),
        entry.Cause == CauseKind.Staff && !forStaff ? null : entry.CausedBy,
        entry.At);

    private static int VersionFromCursor(string? cursor) => Paging.FromCursor(cursor) is not { } key ? 0
        : int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out var version) ? version
        : throw new BadCursorException();
}
