using System.Security.Claims;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Shop.ServiceDefaults.Http;

/// <summary>
/// Bearer tokens by the standard configuration <c>Authentication:Schemes:Bearer</c>. Every route is denied without a token
/// unless it says otherwise; the customer is the <c>sub</c> claim.
/// </summary>
public static class Auth
{
    /// <summary>The role of the people who run the shop, and the name of the policy that asks for it.</summary>
    public const string Staff = "staff";

    /// <summary>The caller's id: the token's <c>sub</c>.</summary>
    public static string CustomerId(this ClaimsPrincipal user) =>
        user.FindFirstValue("sub") ?? throw new InvalidOperationException("The route was reached without a subject.");

    /// <summary>Whether the caller has the role staff.</summary>
    public static bool IsStaff(this ClaimsPrincipal user) => user.IsInRole(Staff);

    internal static void AddAuth(this WebApplicationBuilder builder)
    {
        builder.Services.AddAuthentication(JwtBearerDefaults.AuthenticationScheme).AddJwtBearer();
        builder.Services.PostConfigure<JwtBearerOptions>(JwtBearerDefaults.AuthenticationScheme, options =>
        {
            options.MapInboundClaims = false;
            options.TokenValidationParameters.NameClaimType = "sub";
            options.TokenValidationParameters.RoleClaimType = "role";
            options.TokenValidationParameters.ClockSkew = TimeSpan.FromSeconds(30);
        });
        var known = new AuthorizationPolicyBuilder().RequireAuthenticatedUser().RequireClaim("sub").Build();
        builder.Services.AddAuthorizationBuilder()
            .SetDefaultPolicy(known)
            .SetFallbackPolicy(known)
            .AddPolicy(Staff, policy => policy.RequireClaim("sub").RequireRole(Staff));
    }
}
