using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Shop.ServiceDefaults.Http;

/// <summary>Problem details (RFC 9457) with types that stay the same; docs/problems.md lists them.</summary>
public static class Problem
{
    /// <summary>The first part of every problem's type.</summary>
    public const string TypePrefix = "urn:shop:problem:";

    /// <summary>A problem as an endpoint's result.</summary>
    /// <param name="status">The HTTP status, 400 or above.</param>
    /// <param name="code">A stable code in kebab case; the last part of the type.</param>
    /// <param name="detail">What was wrong and what to do.</param>
    /// <param name="extensions">Further members for programs.</param>
    public static ProblemHttpResult Of(
        int status, string code, string detail, IDictionary<string, object?>? extensions = null) =>
        TypedResults.Problem(Details(status, code, detail, extensions));

    /// <summary>404: there is no such thing, or it is not the caller's.</summary>
    public static ProblemHttpResult NotFound(string detail) => Of(StatusCodes.Status404NotFound, "not-found", detail);

    internal static ProblemDetails Details(int status, string code, string detail, IDictionary<string, object?>? extensions = null) => new()
    {
        Status = status,
        Type = TypePrefix + code,
        Title = Title(status),
        Detail = detail,
        Extensions = extensions ?? new Dictionary<string, object?>(),
    };

    internal static string Title(int status) => status switch
    {
        StatusCodes.Status400BadRequest => "The request is not valid.",
        StatusCodes.Status401Unauthorized => "Who are you?",
        StatusCodes.Status403Forbidden => "You may not do that.",
        StatusCodes.Status404NotFound => "Not found.",
        StatusCodes.Status405MethodNotAllowed => "That method is not allowed here.",
        StatusCodes.Status409Conflict => "Not now.",
        StatusCodes.Status413PayloadTooLarge => "The body is too large.",
        StatusCodes.Status415UnsupportedMediaType => "Send JSON.",
        StatusCodes.Status422UnprocessableEntity => "That cannot be done.",
        StatusCodes.Status503ServiceUnavailable => "Not available at the moment.",
        _ => "Something went wrong here.",
    };
}
