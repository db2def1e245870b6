using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Ordering.Persistence;
using Shop.ServiceDefaults.Http;

namespace Shop.Ordering.Features.CustomerStanding;

/// <summary>A customer's standing.</summary>
/// <param name="Id">The customer.</param>
/// <param name="ConfirmedOrders">Orders that were confirmed so far.</param>
/// <param name="Preferred">Whether there is a discount.</param>
/// <param name="PreferredSince">Since when, UTC.</param>
/// <param name="DiscountPercent">The discount on the next order, in percent.</param>
public sealed record CustomerResponse(
    string Id, int ConfirmedOrders, bool Preferred, DateTimeOffset? PreferredSince, decimal DiscountPercent);

internal static class GetCustomerEndpoint
{
    public static void MapGetCustomer(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/customers/me", GetCustomer).WithSummary("The caller's standing.");

    private static async Task<Ok<CustomerResponse>> GetCustomer(ClaimsPrincipal user, OrderingDbContext db, CancellationToken ct)
    {
        var id = user.CustomerId();
        var customer = await db.Customers.AsNoTracking().FirstOrDefaultAsync(c => c.Id == id, ct);
        return TypedResults.Ok(new CustomerResponse(id, customer?.ConfirmedOrders ?? 0, customer?.PreferredSince is not null,
            customer?.PreferredSince, customer?.DiscountPercent ?? 0));
    }
}
