using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;
using Shop.ServiceDefaults.Domain;

namespace Shop.ServiceDefaults.Http;

/// <summary>
/// Writes every problem of a service, whatever its source. The Accept header is ignored: an error in another format
/// is better than none (RFC 9110, 12.4.1).
/// </summary>
internal sealed partial class ProblemWriter(IOptions<JsonOptions> json) : IProblemDetailsWriter
{
    public bool CanWrite(ProblemDetailsContext context) => true;

    public ValueTask WriteAsync(ProblemDetailsContext context)
    {
        var (http, problem) = (context.HttpContext, context.ProblemDetails);
        var status = problem.Status ??= http.Response.StatusCode;
        if (problem.Type?.StartsWith(Problem.TypePrefix, StringComparison.Ordinal) != true)
        {
            problem.Title = Problem.Title(status);
            problem.Type = Problem.TypePrefix + (problem is HttpValidationProblemDetails ? "validation" : Problem.Code(status));
            problem.Detail ??= Detail(status, http);
        }

        problem.Detail = problem.Detail is null ? null : SingleLineText.Escape(problem.Detail);
        if (problem is HttpValidationProblemDetails validation)
        {
            validation.Errors = validation.Errors.ToDictionary(
                error => JsonPath(error.Key), error => error.Value.Select(text => InJsonNames(text, error.Key)).ToArray());
        }

        // No trace id: the body of a stored response must not differ when it is replayed. The trace id has its own header.
        problem.Extensions.Remove("traceId");
        return new ValueTask(http.Response.WriteAsJsonAsync(problem, problem.GetType(), json.Value.SerializerOptions,
            "application/problem+json", http.RequestAborted));
    }

    private static string Detail(int status, HttpContext context) => status switch
    {
        StatusCodes.Status401Unauthorized =>
            "Send a valid bearer token in the Authorization header. In development, ./shop token <customer> prints one.",
        StatusCodes.Status403Forbidden => "This requires the role staff; of /operations, /dead-letters and /outbox also the scope ops:read, and ops:redrive to change anything.",
        StatusCodes.Status404NotFound => $"There is no resource at {context.Request.Path}. See /openapi/v1.json for the routes.",
        StatusCodes.Status405MethodNotAllowed => $"{context.Request.Method} is not supported here. See /openapi/v1.json.",
        StatusCodes.Status415UnsupportedMediaType => "The body's Content-Type must be application/json.",
        StatusCodes.Status400BadRequest => "The request is malformed. See /openapi/v1.json.",
        _ => "",
    };

    /// <summary>Converts validation's "Lines[0].Quantity" to the JSON path "lines[0].quantity".</summary>
    private static string JsonPath(string path) => ClrName().Replace(path, name => JsonNamingPolicy.CamelCase.ConvertName(name.Value));

    private static string InJsonNames(string text, string path)
    {
        var name = path[(path.LastIndexOf('.') + 1)..].Split('[')[0];
        return name.Length == 0 ? text : Regex.Replace(text, $@"\b{Regex.Escape(name)}\b", JsonNamingPolicy.CamelCase.ConvertName(name));
    }

    [GeneratedRegex(@"[A-Za-z_]\w*")]
    private static partial Regex ClrName();
}
