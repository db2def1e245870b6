using System.Security.Claims;
using Shop.Ordering.Domain;
using Shop.ServiceDefaults.Http;

namespace Shop.Ordering.Features;

internal static class Caller
{
    /// <summary>The caller as the cause of a request.</summary>
    public static Cause AsCause(this ClaimsPrincipal user) =>
        new(user.IsStaff() ? CauseKind.Staff : CauseKind.Customer, user.CustomerId());

    /// <summary>The orders that the caller may see. Other customers' orders appear not to exist.</summary>
    public static IQueryable<Order> VisibleTo(this IQueryable<Order> orders, ClaimsPrincipal user)
    {
        var customerId = user.CustomerId();
        return user.IsStaff() ? orders : orders.Where(order => order.CustomerId == customerId);
    }
}
