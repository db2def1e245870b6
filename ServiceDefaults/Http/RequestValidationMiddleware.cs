using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.Net.Http.Headers;

namespace Shop.ServiceDefaults.Http;

/// <summary>
/// Rejects requests that no route accepts, before routes read them: text with a NUL character, which PostgreSQL cannot store; a body in
/// another charset than UTF-8 (RFC 8259); a JSON body with a null in a list, a lone surrogate, or a number that would be rounded; and an
/// optional parameter that cannot be read, which generated endpoint code replaces by its default.
/// </summary>
internal sealed class RequestValidationMiddleware(RequestDelegate next)
{
    public async Task InvokeAsync(HttpContext context)
    {
        var problem = QueryProblem(context.Request) ?? OptionalProblem(context) ?? CharsetProblem(context.Request) ?? await BodyProblemAsync(context);
        if (problem is not null)
        {
            await problem.ExecuteAsync(context);
            return;
        }

        await next(context);
    }

    private static ProblemHttpResult? QueryProblem(HttpRequest request)
    {
        if (!request.QueryString.HasValue || !request.QueryString.Value!.Contains("%00", StringComparison.Ordinal))
        {
            return null;
        }

        var bad = request.Query.FirstOrDefault(parameter => HasNul(parameter.Key) || parameter.Value.Any(HasNul)).Key;
        return bad is null ? null : Malformed($"The query parameter '{bad}' contains a NUL character. Remove it.");
    }

    private static ProblemHttpResult? OptionalProblem(HttpContext context)
    {
        var parameters = context.Request.QueryString.HasValue ? context.GetEndpoint()?.Metadata.GetOrderedMetadata<IParameterBindingMetadata>() ?? [] : [];
        foreach (var parameter in parameters.Where(parameter => parameter is { IsOptional: true, HasTryParse: true }))
        {
            if (context.Request.Query[parameter.Name].ToString() is { Length: > 0 } text && !CanRead(parameter.ParameterInfo.ParameterType, text))
            {
                return Malformed($"'{parameter.Name}' cannot be read from '{text}'.");
            }
        }

        return null;
    }

    private static bool CanRead(Type type, string text) => (Nullable.GetUnderlyingType(type) ?? type) switch
    {
        var number when number == typeof(int) => int.TryParse(text, CultureInfo.InvariantCulture, out _),
        var id when id == typeof(Guid) => Guid.TryParse(text, CultureInfo.InvariantCulture, out _),
        var time when time == typeof(DateTimeOffset) => DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, out _),
        { IsArray: true } => true, // the generated code reports its elements
        var other => throw new NotSupportedException($"An optional parameter of type {other} cannot be checked: make it required, or add its type to {nameof(CanRead)}."),
    };

    private static ProblemHttpResult? CharsetProblem(HttpRequest request) =>
        MediaTypeHeaderValue.TryParse(request.ContentType, out var type) && type.Charset.HasValue
        && !HeaderUtilities.RemoveQuotes(type.Charset).Equals(Encoding.UTF8.WebName, StringComparison.OrdinalIgnoreCase)
            ? Problem.Of(StatusCodes.Status415UnsupportedMediaType, "unsupported-media-type",
                "JSON must be UTF-8 (RFC 8259). Set charset=utf-8, or omit it.")
            : null;

    private static async Task<ProblemHttpResult?> BodyProblemAsync(HttpContext context)
    {
        if (context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == false || HttpMethods.IsGet(context.Request.Method))
        {
            return null;
        }

        var body = await ReadAsync(context);
        context.Request.Body = body;
        if (!context.Request.HasJsonContentType())
        {
            return null;
        }

        context.Request.ContentType = "application/json"; // the framework does not accept a quoted charset
        return JsonCheck.Violation(body.GetBuffer().AsSpan(0, (int)body.Length)) is { } violation ? Malformed(violation) : null;
    }

    // Buffered, so that later reads cannot fail. Kestrel throws other exceptions too: an overflowing chunk size is not a BadHttpRequestException.
    private static async Task<MemoryStream> ReadAsync(HttpContext context)
    {
        var body = new MemoryStream((int)Math.Min(context.Request.ContentLength ?? 0, HttpDefaults.MaxBodyBytes));
        try
        {
            await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        }
        catch (IOException e) when (e is not BadHttpRequestException)
        {
            throw new BadHttpRequestException("The body does not match its headers.", e);
        }

        body.Position = 0;
        return body;
    }

    private static bool HasNul(string? text) => text?.Contains('\0', StringComparison.Ordinal) == true;

    private static ProblemHttpResult Malformed(string detail) => Problem.Of(StatusCodes.Status400BadRequest, "malformed-request", detail);
}
