using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;

namespace Shop.ServiceDefaults.Http;

/// <summary>Explains why a request could not be read, without the CLR types of the framework's messages.</summary>
internal static partial class UnreadableRequest
{
    private const string NoBody = "The request requires a body of type application/json.";

    public static string Explain(BadHttpRequestException exception)
    {
        if (exception.InnerException is JsonException json)
        {
            return Explain(json);
        }

        if (UnboundParameter().Match(exception.Message) is { Success: true } unbound)
        {
            return $"'{unbound.Groups["name"].Value}' cannot be read from '{unbound.Groups["value"].Value}'.";
        }

        if (MissingParameter().Match(exception.Message) is { Success: true } missing)
        {
            return missing.Groups["where"].Value == "body"
                ? NoBody
                : $"'{missing.Groups["name"].Value}' is missing from the {missing.Groups["where"].Value}.";
        }

        if (exception.Message.StartsWith("Implicit body inferred", StringComparison.Ordinal))
        {
            return NoBody;
        }

        return exception.Message.Contains("request body as JSON", StringComparison.Ordinal) ? "The body is not valid here." : exception.Message;
    }

    private static string Explain(JsonException json)
    {
        if (json.InnerException is JsonException syntax)
        {
            return $"The body is not valid JSON: {syntax.Message}";
        }

        if (MissingMembers().Match(json.Message) is { Success: true } missing)
        {
            return $"The body lacks {missing.Groups["names"].Value}{In(PathOf(json))}.";
        }

        var place = PathOf(json) is { Length: > 0 } path ? path : "The body";
        return json.Message.Contains("duplicate", StringComparison.OrdinalIgnoreCase) ? $"{place} occurs more than once."
            : json.Message.Contains("could not be mapped", StringComparison.Ordinal) ? $"{place} is unknown; see /openapi/v1.json."
            : $"{place} has a wrong type or format; see /openapi/v1.json.";
    }

    private static string In(string path) => path.Length == 0 ? "" : $" in {path}";

    private static string PathOf(JsonException json) => json.Path is null or "$" ? "" : json.Path[(json.Path.StartsWith("$.", StringComparison.Ordinal) ? 2 : 1)..];

    [GeneratedRegex("""^Failed to bind parameter "\S+ (?<name>\w+)" from "(?<value>.*)"\.$""", RegexOptions.Singleline)]
    private static partial Regex UnboundParameter();

    [GeneratedRegex("""^Required parameter "\S+ (?<name>\w+)" was not provided from (the )?(?<where>[\w ]+)\.$""")]
    private static partial Regex MissingParameter();

    [GeneratedRegex("including: (?<names>.+?)\\.( Path:|$)")]
    private static partial Regex MissingMembers();
}
