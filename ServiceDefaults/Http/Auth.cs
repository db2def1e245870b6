using System.Globalization;
using System.Security.Claims;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;

namespace Shop.ServiceDefaults.Http;

/// <summary>
/// Bearer tokens by the standard configuration <c>Authentication:Schemes:Bearer</c>. Every route requires a token
/// unless it allows anonymous access; the customer is the <c>sub</c> claim, which
/// <see cref="TokenRules"/> validates.
/// </summary>
public static class Auth
{
    /// <summary>The role of the shop's staff, and the name of the policy that requires it.</summary>
    public const string Staff = "staff";

    /// <summary>The scope to read how events flow, and the name of the policy that requires it beside the role staff.</summary>
    public const string OpsRead = "ops:read";

    /// <summary>The scope to retry and discard messages, and the name of the policy that requires it beside the role staff.</summary>
    public const string OpsRedrive = "ops:redrive";

    /// <summary>OpenID Connect Core 1.0, section 2: a <c>sub</c> has at most 255 ASCII characters, and is case-sensitive.</summary>
    public const int MaxSubjectLength = 255;

    /// <summary>RFC 7518, section 3.2: a key for HS256 is at least as long as the hash.</summary>
    private const int LeastKeyBits = 256;

    /// <summary>The caller's id: the token's <c>sub</c>.</summary>
    public static string CustomerId(this ClaimsPrincipal user) =>
        user.FindFirstValue("sub") ?? throw new InvalidOperationException("The route was reached without a subject.");

    /// <summary>Whether the caller has the role staff.</summary>
    public static bool IsStaff(this ClaimsPrincipal user) => user.IsInRole(Staff);

    /// <summary>Whether the token has a scope: in <c>scope</c>, separated by spaces (RFC 9068), or in <c>scp</c>.</summary>
    public static bool HasScope(this ClaimsPrincipal user, string scope) =>
        user.FindAll("scope").Concat(user.FindAll("scp")).Any(claim => claim.Value.Split(' ').Contains(scope, StringComparer.Ordinal));

    /// <summary>When the caller's token expires: a stream ends then.</summary>
    public static DateTimeOffset TokenExpiry(this ClaimsPrincipal user) =>
        long.TryParse(user.FindFirstValue("exp"), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            && seconds <= DateTimeOffset.MaxValue.ToUnixTimeSeconds()
            ? DateTimeOffset.FromUnixTimeSeconds(seconds)
            : DateTimeOffset.MaxValue;

    /// <summary>Keys, audience and the provider's address are used when the first token arrives: what is wrong with them is reported before.</summary>
    /// <exception cref="InvalidOperationException">No token could be valid.</exception>
    internal static void CheckTokenSettings(this WebApplication app)
    {
        var (options, keys) = ReadTokenSettings(app);
        if (keys.Any(key => key.KeySize < LeastKeyBits))
        {
            throw Malformed(null);
        }

        var rules = options.TokenValidationParameters;
        if (keys.Count == 0 && string.IsNullOrEmpty(options.Authority) && string.IsNullOrEmpty(options.MetadataAddress))
        {
            throw new InvalidOperationException("No token could be valid. Set Authentication__Schemes__Bearer__SigningKeys__0__Value, and its __Issuer to the same as "
                + "Authentication__Schemes__Bearer__ValidIssuer; or Authentication__Schemes__Bearer__Authority.");
        }

        if (rules.ValidateAudience && string.IsNullOrEmpty(rules.ValidAudience) && rules.ValidAudiences?.Any(audience => audience.Length > 0) is not true)
        {
            throw new InvalidOperationException("No token could be valid. Set Authentication__Schemes__Bearer__ValidAudiences__0 to the audience in the tokens.");
        }
    }

    private static (JwtBearerOptions Options, List<SecurityKey> Keys) ReadTokenSettings(WebApplication app)
    {
        try
        {
            var options = app.Services.GetRequiredService<IOptionsMonitor<JwtBearerOptions>>().Get(JwtBearerDefaults.AuthenticationScheme);
            return (options, options.TokenValidationParameters.IssuerSigningKeys?.ToList() ?? []);
        }
        catch (Exception e) when (e is FormatException or ArgumentException)
        {
            throw Malformed(e);
        }
        catch (Exception e) when (e is InvalidOperationException or UriFormatException)
        {
            throw new InvalidOperationException("Authentication__Schemes__Bearer__Authority must be the https:// address of an identity provider.", e);
        }
    }

    private static InvalidOperationException Malformed(Exception? cause) =>
        new("A signing key is malformed: Authentication__Schemes__Bearer__SigningKeys__0__Value must be base64, of 32 bytes or more.", cause);

    private static bool IsKeyRing(ServiceDescriptor service) =>
        service.ServiceType == typeof(IHostedService) && service.ImplementationType?.Assembly == typeof(IDataProtectionBuilder).Assembly;

    internal static void AddAuth(this WebApplicationBuilder builder)
    {
        builder.Services.AddAuthentication(JwtBearerDefaults.AuthenticationScheme).AddJwtBearer();

        // AddAuthentication makes a key ring for cookies at the start, in a file. Tokens need none.
        foreach (var keyRing in builder.Services.Where(IsKeyRing).ToList())
        {
            builder.Services.Remove(keyRing);
        }

        builder.Services.PostConfigure<JwtBearerOptions>(JwtBearerDefaults.AuthenticationScheme, options =>
        {
            options.MapInboundClaims = false;
            options.TokenValidationParameters.NameClaimType = "sub";
            options.TokenValidationParameters.RoleClaimType = "role";
            options.TokenValidationParameters.ClockSkew = TimeSpan.FromSeconds(30);
            options.Events ??= new JwtBearerEvents();
            options.Events.OnTokenValidated = context =>
            {
                if (TokenRules.Violation(context.SecurityToken) is { } violation)
                {
                    context.Fail(violation);
                }

                return Task.CompletedTask;
            };
        });
        var known = new AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build();
        builder.Services.AddAuthorizationBuilder()
            .SetDefaultPolicy(known)
            .SetFallbackPolicy(known)
            .AddPolicy(Staff, policy => policy.RequireRole(Staff))
            .AddPolicy(OpsRead, policy => policy.RequireRole(Staff).RequireAssertion(context => context.User.HasScope(OpsRead)))
            .AddPolicy(OpsRedrive, policy => policy.RequireRole(Staff).RequireAssertion(context => context.User.HasScope(OpsRedrive)));
    }
}
