using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Shop.ServiceDefaults.Http;

/// <summary>How every API of the shop behaves: strict JSON, problem details, small bodies, OpenAPI, health.</summary>
internal static class HttpDefaults
{
    public const int MaxBodyBytes = 64 * 1024;
    public const string ReadyTag = "ready";

    public static void AddHttpDefaults(this WebApplicationBuilder builder)
    {
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = MaxBodyBytes;
            kestrel.AddServerHeader = false;
        });
        builder.Services.Configure<JsonOptions>(options =>
        {
            options.SerializerOptions.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
            options.SerializerOptions.NumberHandling = JsonNumberHandling.Strict;
            options.SerializerOptions.RespectNullableAnnotations = true;
            options.SerializerOptions.RespectRequiredConstructorParameters = true;
            options.SerializerOptions.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase));
        });
        builder.Services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        builder.Services.AddExceptionHandler<ProblemExceptionHandler>();
        builder.Services.AddProblemDetails(options => options.CustomizeProblemDetails = Customize);
        builder.Services.AddHealthChecks();
        builder.Services.AddOpenApi("v1", OpenApiDefaults.Configure);
        builder.Services.AddSingleton<TimeProvider>(new MicrosecondClock());
    }

    /// <summary>In every environment: orchestrators and people need them everywhere.</summary>
    public static void MapHttpDefaults(this WebApplication app)
    {
        app.MapOpenApi().AllowAnonymous();
        app.MapApiPage();
        app.MapHealthChecks("/health/live", new HealthCheckOptions { Predicate = _ => false }).AllowAnonymous().DisableHttpMetrics();
        app.MapHealthChecks("/health/ready", new HealthCheckOptions
        {
            Predicate = check => check.Tags.Contains(ReadyTag),
            ResponseWriter = WriteHealthAsync,
        }).AllowAnonymous().DisableHttpMetrics();
    }

    private static void Customize(ProblemDetailsContext context)
    {
        var problem = context.ProblemDetails;
        var status = problem.Status ?? context.HttpContext.Response.StatusCode;
        if (problem.Type?.StartsWith(Problem.TypePrefix, StringComparison.Ordinal) != true)
        {
            problem.Title = Problem.Title(status);
            problem.Type = Problem.TypePrefix + (problem is HttpValidationProblemDetails ? "validation" : Code(status));
            problem.Detail ??= Detail(status, context.HttpContext);
        }

        // The body must be the same for the same request, so that a stored answer can be given again; traces have their header.
        problem.Extensions.Remove("traceId");
    }

    private static string Code(int status) => status switch
    {
        StatusCodes.Status400BadRequest => "malformed-request",
        StatusCodes.Status401Unauthorized => "not-authenticated",
        StatusCodes.Status403Forbidden => "not-allowed",
        StatusCodes.Status404NotFound => "not-found",
        StatusCodes.Status405MethodNotAllowed => "method-not-allowed",
        StatusCodes.Status413PayloadTooLarge => "body-too-large",
        StatusCodes.Status415UnsupportedMediaType => "unsupported-media-type",
        _ => "internal-error",
    };

    private static string Detail(int status, HttpContext context) => status switch
    {
        StatusCodes.Status401Unauthorized =>
            "Send a valid bearer token in the Authorization header. In development, ./shop token <customer> prints one.",
        StatusCodes.Status403Forbidden => "This needs the role staff.",
        StatusCodes.Status404NotFound => $"There is nothing at {context.Request.Path}. /openapi/v1.json says what there is.",
        StatusCodes.Status405MethodNotAllowed => $"{context.Request.Method} is not possible here. /openapi/v1.json says what is.",
        StatusCodes.Status415UnsupportedMediaType => "The body's Content-Type must be application/json.",
        StatusCodes.Status400BadRequest => "The request is not what /openapi/v1.json asks for.",
        _ => "",
    };

    private static Task WriteHealthAsync(HttpContext context, HealthReport report) => context.Response.WriteAsJsonAsync(new
    {
        status = report.Status.ToString().ToLowerInvariant(),
        checks = report.Entries.ToDictionary(entry => entry.Key, entry => new
        {
            status = entry.Value.Status.ToString().ToLowerInvariant(),
            entry.Value.Description,
        }),
    }, JsonSerializerOptions.Web);

    /// <summary>PostgreSQL keeps microseconds: a time must read the same before it is stored and after.</summary>
    private sealed class MicrosecondClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow()
        {
            var now = base.GetUtcNow();
            return new DateTimeOffset(now.Ticks - (now.Ticks % TimeSpan.TicksPerMicrosecond), TimeSpan.Zero);
        }
    }
}
