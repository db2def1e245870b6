using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Shop.Console.Web;
using Shop.Operations;
using Shop.ServiceDefaults.Http;

namespace Shop.Console.SignIn;

/// <summary>Signing in and out. In development anybody signs in by a name, with a token that this application signs itself.</summary>
internal static class DevelopmentSignIn
{
    public const string Path = "/sign-in";

    /// <summary>The key that the services accept, in base 64. Whoever has it can be anyone: it is for development.</summary>
    public const string KeySetting = "DevelopmentSignIn:SigningKey";

    private const int MaxName = 60;
    private static readonly TimeSpan s_lifetime = TimeSpan.FromHours(12);

    public static void MapSignIn(this WebApplication app)
    {
        app.MapPost("/sign-out", SignOutAsync).RequireForm();
        if (app.Configuration[KeySetting] is { Length: > 0 } key && app.Environment.IsDevelopment())
        {
            app.MapGet(Path, (string? to) => Pages.Of<SignInPage>(new { To = Local(to) })).AllowAnonymous();
            app.MapPost(Path, (HttpContext context, TimeProvider clock, [FromForm] string? name, [FromForm] string? redrive, [FromForm] string? to) =>
                SignInAsync(context, key, clock.GetUtcNow(), name, redrive is not null, Local(to))).AllowAnonymous().RequireForm();
        }
    }

    private static async Task<IResult> SignInAsync(HttpContext context, string key, DateTimeOffset now, string? name, bool redrive, string to)
    {
        if (name?.Trim() is not { Length: > 0 and <= MaxName } subject || !subject.All(c => c is >= ' ' and <= '~'))
        {
            return Pages.Of<SignInPage>(new { To = to, Error = $"A name has 1 to {MaxName} letters, digits, blanks or signs of ASCII." });
        }

        var (until, scopes) = (now + s_lifetime, redrive ? Scopes.All : [Scopes.Read]);
        var identity = new ClaimsIdentity(
            [new Claim("sub", subject), new Claim("role", Auth.Staff), .. SignInRegistration.ClaimsOf(scopes, until)],
            CookieAuthenticationDefaults.AuthenticationScheme, "sub", "role");
        var properties = new AuthenticationProperties();
        properties.StoreTokens([new AuthenticationToken
        {
            Name = "access_token",
            Value = DevelopmentToken.Create(key, subject, staff: true, s_lifetime, now, scopes),
        }]);
        await context.SignInAsync(CookieAuthenticationDefaults.AuthenticationScheme, new ClaimsPrincipal(identity), properties);
        return TypedResults.LocalRedirect(to);
    }

    private static async Task<RazorComponentResult<Views.MessagePage>> SignOutAsync(HttpContext context, TimeProvider _)
    {
        await context.SignOutAsync(CookieAuthenticationDefaults.AuthenticationScheme);
        context.User = new ClaimsPrincipal(new ClaimsIdentity());
        return Pages.Say(StatusCodes.Status200OK, "Signed out", "Close the window, or sign in again.");
    }

    /// <summary>A path of this application, never another site's.</summary>
    private static string Local(string? to) => to is ['/', ..] && !to.StartsWith("//", StringComparison.Ordinal) && !to.StartsWith("/\\", StringComparison.Ordinal) ? to : "/";
}
