using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.Console.SignIn;
using Shop.Console.Views;
using Shop.Operations;
using Shop.ServiceDefaults.Hosting;

namespace Shop.Console.Web;

/// <summary>Pages are components that are rendered here, once, to plain HTML.</summary>
internal static class Pages
{
    /// <summary>Nothing but the application's own files, and no script or style in a page: what an attacker gets into one is not run.</summary>
    private const string Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

    public static void AddPages(this WebApplicationBuilder builder)
    {
        builder.Services.AddRazorComponents();
        builder.Services.AddAntiforgery(options =>
        {
            options.Cookie.Name = "shop-console-form";
            options.Cookie.SecurePolicy = Cookies.SecurePolicy(builder.Environment);
            options.SuppressXFrameOptionsHeader = true; // frame-ancestors says it
        });
        if (builder.Configuration[Links.DashboardSetting] is { Length: > 0 } dashboard)
        {
            PageHost.HttpAddress("Dashboard__Url", dashboard);
        }

        builder.Services.AddScoped<Live>();
        builder.Services.AddSingleton<Links>();
    }

    public static void UsePages(this WebApplication app)
    {
        if (!app.Environment.IsDevelopment())
        {
            app.UseHsts();
        }

        app.Use((context, next) =>
        {
            var headers = context.Response.Headers;
            headers.ContentSecurityPolicy = Policy;
            headers.XContentTypeOptions = "nosniff";
            headers["Referrer-Policy"] = "same-origin";
            headers["Cross-Origin-Opener-Policy"] = "same-origin";
            if (context.Request.Path.Value is not ("/site.css" or "/site.js" or "/icon.svg"))
            {
                headers.CacheControl = "no-store"; // of one person, and of now
            }

            return next(context);
        });
        app.UseExceptionHandler(errors => errors.Run(ErrorAsync));
        app.UseStatusCodePages(context => context.HttpContext.Request.Path.StartsWithSegments("/live")
            ? Task.CompletedTask
            : WriteAsync(context.HttpContext, Message.Of(context.HttpContext.Response.StatusCode)));
    }

    /// <summary>A page of a component, whose parameters are the members of an object.</summary>
    public static RazorComponentResult<T> Of<T>(object parameters)
        where T : IComponent => new(parameters) { PreventStreamingRendering = true };

    /// <summary>A page with one message, such as that something does not exist.</summary>
    public static RazorComponentResult<MessagePage> Say(int status, string title, string text) =>
        new(new { Message = new Message(title, text) }) { StatusCode = status, PreventStreamingRendering = true };

    /// <summary>Routes that change something: staff with the right to, and only from a form of this application.</summary>
    public static RouteGroupBuilder MapChanges(this IEndpointRouteBuilder routes) => routes.MapGroup("")
        .RequireAuthorization(Scopes.Redrive)
        .RequireForm();

    /// <summary>Refuses a request that does not come from a form of this application.</summary>
    public static T RequireForm<T>(this T routes)
        where T : IEndpointConventionBuilder
    {
        routes.WithMetadata(new RequireAntiforgeryTokenAttribute());
        return routes.AddEndpointFilter(async (context, next) =>
            context.HttpContext.Features.Get<IAntiforgeryValidationFeature>() is { IsValid: true }
                ? await next(context)
                : Say(StatusCodes.Status400BadRequest, "This form has expired", "Go back, load the page again, and send it once more."));
    }

    private static Task ErrorAsync(HttpContext context)
    {
        var error = context.Features.Get<IExceptionHandlerFeature>()?.Error;
        (context.Response.StatusCode, var message) = error switch
        {
            BadHttpRequestException bad => (bad.StatusCode, Message.Of(bad.StatusCode)),
            StaffApiException refused => ((int)refused.Status is >= 400 and < 500 and not 401 ? (int)refused.Status : StatusCodes.Status502BadGateway,
                new Message($"{refused.Service} refused it", refused.Message)),
            System.Text.Json.JsonException => (StatusCodes.Status502BadGateway,
                new Message("A service answered with something else than was expected", "Are its version and this application's the same? Nothing was changed here.")),
            HttpRequestException or Polly.ExecutionRejectedException =>
                (StatusCodes.Status503ServiceUnavailable, new Message("A service does not answer", "See the overview for which one. Nothing was changed here.")),
            _ => (StatusCodes.Status500InternalServerError, Message.Of(StatusCodes.Status500InternalServerError)),
        };
        return WriteAsync(context, message);
    }

    private static Task WriteAsync(HttpContext context, Message message) =>
        new RazorComponentResult<MessagePage>(new { Message = message }) { StatusCode = context.Response.StatusCode, PreventStreamingRendering = true }.ExecuteAsync(context);
}

/// <summary>What a page says instead of what was asked for.</summary>
public sealed record Message(string Title, string Text)
{
    internal static Message Of(int status) => status switch
    {
        StatusCodes.Status400BadRequest => new("The request cannot be read", "A value of the address or of the form is not valid. Go back and correct it."),
        StatusCodes.Status403Forbidden => new("You may not do this", "It is for staff, and sending again or discarding also takes the scope ops:redrive. Ask who administers the accounts."),
        StatusCodes.Status404NotFound => new("There is no such page", "Start at the overview."),
        StatusCodes.Status405MethodNotAllowed => new("There is no such page", "Start at the overview."),
        < 500 => new("The request cannot be read", "It has another form than this application sends."),
        _ => new("Something went wrong", "The console's log has the reason. The services are not touched by it."),
    };
}
