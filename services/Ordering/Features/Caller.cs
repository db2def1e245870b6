using System.Security.Claims;
using Shop.Ordering.Domain;
using Shop.ServiceDefaults.Http;

namespace Shop.Ordering.Features;

internal static class Caller
{
    /// <summary>The caller as the cause of a request.</summary>
    public static Cause AsCause(this ClaimsPrincipal user) =>
        new(user.IsStaff() ? CauseKind.Staff : CauseKind.Customer, user.CustomerId());
}
