using System.Globalization;
using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.AspNetCore.Authorization;
using Shop.Operations;
using Shop.ServiceDefaults.Hosting;
using Shop.ServiceDefaults.Http;

namespace Shop.Console.SignIn;

internal static class Cookies
{
    /// <summary>Outside of development only over TLS.</summary>
    public static CookieSecurePolicy SecurePolicy(IHostEnvironment environment) =>
        environment.IsDevelopment() ? CookieSecurePolicy.SameAsRequest : CookieSecurePolicy.Always;
}

/// <summary>
/// Who may see the console: staff, who sign in at an OpenID Connect provider (<c>Authentication:Schemes:OpenIdConnect</c>, as the framework
/// reads it), or in development by their name. The token that they get is the one that the services are asked with.
/// </summary>
internal static class SignInRegistration
{
    private const string Scope = "scope";

    public static void AddSignIn(this WebApplicationBuilder builder)
    {
        var provider = builder.Configuration.GetSection("Authentication:Schemes:OpenIdConnect");
        if (!provider.Exists() && (!builder.Environment.IsDevelopment() || builder.Configuration[DevelopmentSignIn.KeySetting] is not { Length: > 0 }))
        {
            throw new InvalidOperationException("Nobody could sign in. Set Authentication__Schemes__OpenIdConnect__Authority, __ClientId and __ClientSecret; "
                + $"or in development {DevelopmentSignIn.KeySetting.Replace(":", "__", StringComparison.Ordinal)}, as ./shop up does.");
        }

        if (provider["Authority"] is { Length: > 0 } authority)
        {
            PageHost.HttpAddress("Authentication__Schemes__OpenIdConnect__Authority", authority);
        }

        if (provider.Exists() && (provider["Authority"] is not { Length: > 0 } || provider["ClientId"] is not { Length: > 0 }))
        {
            throw new InvalidOperationException("The provider is configured in part. Set Authentication__Schemes__OpenIdConnect__Authority and __ClientId, and "
                + "__ClientSecret where the provider has given one.");
        }

        var authentication = builder.Services.AddAuthentication(options =>
        {
            options.DefaultScheme = CookieAuthenticationDefaults.AuthenticationScheme;
            options.DefaultChallengeScheme = provider.Exists() ? OpenIdConnectDefaults.AuthenticationScheme : null;
        }).AddCookie(options =>
        {
            options.Cookie.Name = "shop-console";
            options.Cookie.SecurePolicy = Cookies.SecurePolicy(builder.Environment);
            options.Cookie.SameSite = SameSiteMode.Lax;
            options.LoginPath = DevelopmentSignIn.Path;
            options.ReturnUrlParameter = "to";
            options.ExpireTimeSpan = TimeSpan.FromHours(12);
            options.SlidingExpiration = false;
            options.Events.OnRedirectToAccessDenied = context => Status(context.Response, StatusCodes.Status403Forbidden);
            options.Events.OnValidatePrincipal = RejectExpiredAsync;
            options.Events.OnRedirectToLogin = context =>
            {
                context.Response.Redirect(HttpMethods.IsGet(context.Request.Method) ? context.RedirectUri
                    : $"{DevelopmentSignIn.Path}?{options.ReturnUrlParameter}={Uri.EscapeDataString(PageOf(context.Request))}");
                return Task.CompletedTask;
            };
        });
        if (provider.Exists())
        {
            authentication.AddOpenIdConnect();
            builder.Services.PostConfigure<OpenIdConnectOptions>(OpenIdConnectDefaults.AuthenticationScheme, Configure);
        }

        builder.Services.AddAuthorizationBuilder()
            .SetDefaultPolicy(Staff().Build())
            .SetFallbackPolicy(Staff().Build())
            .AddPolicy(Scopes.Redrive, policy => policy.Combine(Staff().Build()).RequireClaim(Scope, Scopes.Redrive));
    }

    /// <summary>Whether the person may send again and discard.</summary>
    public static bool MayRedrive(this ClaimsPrincipal user) => user.HasClaim(Scope, Scopes.Redrive);

    /// <summary>Until when the token is valid that the services are asked with.</summary>
    public static DateTimeOffset SignedInUntil(this ClaimsPrincipal user) =>
        long.TryParse(user.FindFirstValue("token_exp"), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            ? DateTimeOffset.FromUnixTimeSeconds(seconds)
            : DateTimeOffset.MaxValue;

    /// <summary>What a signed-in person is known by, for a token that the services accept.</summary>
    public static Claim[] ClaimsOf(IEnumerable<string> scopes, DateTimeOffset until) =>
    [
        .. scopes.Select(scope => new Claim(Scope, scope)),
        new Claim("token_exp", until.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture)),
    ];

    private static AuthorizationPolicyBuilder Staff() => new AuthorizationPolicyBuilder().RequireAuthenticatedUser().RequireRole(Auth.Staff);

    /// <summary>Beyond what is configured: the code flow with PKCE, and the claims of the services' tokens.</summary>
    private static void Configure(OpenIdConnectOptions options)
    {
        options.SignInScheme = CookieAuthenticationDefaults.AuthenticationScheme;
        options.ResponseType = "code";
        options.ResponseMode = "query"; // so that no cookie has to be sent with another site's form
        options.UsePkce = true;
        options.SaveTokens = true;
        options.MapInboundClaims = false;
        options.TokenValidationParameters.NameClaimType = "sub";
        options.TokenValidationParameters.RoleClaimType = "role";
        foreach (var scope in Scopes.All)
        {
            options.Scope.Add(scope);
        }

        options.Events.OnRedirectToIdentityProvider = context =>
        {
            if (!HttpMethods.IsGet(context.Request.Method))
            {
                context.Properties.RedirectUri = PageOf(context.Request);
            }

            return Task.CompletedTask;
        };
        options.Events.OnTokenValidated = context =>
        {
            // RFC 6749, 5.1: a response without a scope grants what was asked for.
            var response = context.TokenEndpointResponse;
            var granted = response?.Scope is { Length: > 0 } scope ? scope.Split(' ') : options.Scope;
            var clock = context.HttpContext.RequestServices.GetRequiredService<TimeProvider>();
            var until = clock.GetUtcNow().AddSeconds(int.TryParse(response?.ExpiresIn, CultureInfo.InvariantCulture, out var seconds) ? seconds : 300);
            ((ClaimsIdentity)context.Principal!.Identity!).AddClaims(ClaimsOf(granted, until));
            return Task.CompletedTask;
        };
    }

    /// <summary>The page whose form was sent when the session had ended: what the form wanted was not done, and it is still there.</summary>
    private static string PageOf(HttpRequest request) => request.GetTypedHeaders().Referer is { } page && page.Authority == request.Host.Value ? page.PathAndQuery : "/";

    private static Task RejectExpiredAsync(CookieValidatePrincipalContext context)
    {
        if (context.Principal!.SignedInUntil() <= context.HttpContext.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow())
        {
            context.RejectPrincipal(); // signs in again, at the provider without a question
        }

        return Task.CompletedTask;
    }

    private static Task Status(HttpResponse response, int status)
    {
        response.StatusCode = status;
        return Task.CompletedTask;
    }
}
