using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.WebUtilities;

namespace Shop.ServiceDefaults.Http;

/// <summary>Problem details (RFC 9457) with stable types; docs/problems.md lists them.</summary>
public static class Problem
{
    /// <summary>The prefix of every problem's type.</summary>
    public const string TypePrefix = "urn:shop:problem:";

    /// <summary>A problem as an endpoint's result.</summary>
    /// <param name="status">The HTTP status, 400 or above.</param>
    /// <param name="code">A stable code in kebab case; the last part of the type.</param>
    /// <param name="detail">What was wrong and what to do.</param>
    /// <param name="extensions">Extension members.</param>
    public static ProblemHttpResult Of(
        int status, string code, string detail, IDictionary<string, object?>? extensions = null) =>
        TypedResults.Problem(Details(status, code, detail, extensions));

    /// <summary>404: the resource does not exist, or is not the caller's.</summary>
    public static ProblemHttpResult NotFound(string detail) => Of(StatusCodes.Status404NotFound, "not-found", detail);

    internal static ProblemDetails Details(int status, string code, string detail, IDictionary<string, object?>? extensions = null) => new()
    {
        Status = status,
        Type = TypePrefix + code,
        Title = Title(status),
        Detail = detail,
        Extensions = extensions ?? new Dictionary<string, object?>(),
    };

    /// <summary>The HTTP reason phrase.</summary>
    internal static string Title(int status) => ReasonPhrases.GetReasonPhrase(status) is { Length: > 0 } phrase ? phrase : "Error";

    /// <summary>The code of a status that the framework set, not a rule of the shop.</summary>
    internal static string Code(int status) => status switch
    {
        StatusCodes.Status400BadRequest => "malformed-request",
        StatusCodes.Status401Unauthorized => "not-authenticated",
        StatusCodes.Status403Forbidden => "not-allowed",
        StatusCodes.Status404NotFound => "not-found",
        StatusCodes.Status405MethodNotAllowed => "method-not-allowed",
        StatusCodes.Status408RequestTimeout => "request-timeout",
        StatusCodes.Status413PayloadTooLarge => "body-too-large",
        StatusCodes.Status414UriTooLong => "uri-too-long",
        StatusCodes.Status415UnsupportedMediaType => "unsupported-media-type",
        StatusCodes.Status431RequestHeaderFieldsTooLarge => "headers-too-large",
        _ => "internal-error",
    };
}
