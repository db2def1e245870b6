using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Inventory.Persistence;
using Shop.ServiceDefaults.Http;

namespace Shop.Inventory.Features.Movements;

/// <summary>A line of the ledger.</summary>
/// <param name="Id">The movement's id; later ones are greater.</param>
/// <param name="Kind">received, reserved, released, expired, reclaimed, shipped or adjusted.</param>
/// <param name="Quantity">Units, at least 1; negative for an adjustment that removes units.</param>
/// <param name="OrderId">The order that caused it, if any.</param>
/// <param name="At">When, UTC.</param>
/// <param name="Reason">Why, for an adjustment.</param>
public sealed record MovementResponse(
    Guid Id,
    string Kind,
    int Quantity,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] Guid? OrderId,
    DateTimeOffset At,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Reason);

internal static class MovementsEndpoint
{
    public static void MapMovements(this IEndpointRouteBuilder routes) => routes.MapGet("/products/{sku}/movements", ListMovements)
        .RequireAuthorization(Auth.Staff)
        .WithSummary("A product's stock ledger, newest first (staff).")
        .ProducesProblem(StatusCodes.Status404NotFound);

    private static async Task<Results<Ok<Page<MovementResponse>>, ProblemHttpResult>> ListMovements(
        string sku,
        InventoryDbContext db,
        CancellationToken ct,
        string? cursor = null,
        [Range(1, Paging.MaxLimit)] int limit = Paging.DefaultLimit)
    {
        var movements = db.Movements.AsNoTracking().Where(movement => movement.Sku == sku);
        if (Paging.IdFromCursor(cursor) is { } before)
        {
            movements = movements.Where(movement => movement.Id < before);
        }

        var rows = await movements.OrderByDescending(movement => movement.Id).Take(limit + 1).ToListAsync(ct);
        if (rows.Count == 0 && !await db.Products.AnyAsync(product => product.Sku == sku, ct))
        {
            return Problem.NotFound($"There is no product {sku}.");
        }

        var page = Paging.ToPage(rows, limit, movement => movement.Id.ToString());
        return TypedResults.Ok(new Page<MovementResponse>(
            [.. page.Items.Select(m => new MovementResponse(
                m.Id, m.Kind.ToString().ToLowerInvariant(), m.Quantity, m.OrderId, m.At, m.Reason))],
            page.NextCursor));
    }
}
