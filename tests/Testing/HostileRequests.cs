using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Shop.Testing;

/// <summary>
/// Sends to every route of a service, which its OpenAPI document names, every kind of bad input in every place: path, query, headers, and
/// each member of the body. No answer may be a 5xx, every refusal is a problem document, and none of them names a type of .NET.
/// </summary>
public sealed partial class HostileRequests
{
    private const int AtOnce = 6;
    private static readonly string[] s_accepts = ["text/event-stream", "text/html", "application/xml", "*/*;q=0"];

    private readonly Func<string?, HttpClient> _clients;
    private readonly IReadOnlyDictionary<string, string> _known;
    private readonly List<string> _failures = [];
    private readonly HttpClient _staff;
    private int _sent;

    private HostileRequests(Func<string?, HttpClient> clients, IReadOnlyDictionary<string, string> known) =>
        (_clients, _known, _staff) = (clients, known, clients(TestTokens.Staff()));

    /// <summary>How many requests were sent.</summary>
    public int Sent => _sent;

    /// <summary>The answers that must not be, each with its request.</summary>
    public IReadOnlyList<string> Failures => _failures;

    /// <summary>Sends them all.</summary>
    /// <param name="clients">A client with a token, or without one.</param>
    /// <param name="known">Values that are good, by the name of the parameter or member, so that the rest of a request is.</param>
    public static async Task<HostileRequests> SendAllAsync(Func<string?, HttpClient> clients, IReadOnlyDictionary<string, string> known)
    {
        ArgumentNullException.ThrowIfNull(clients);
        var hostile = new HostileRequests(clients, known);
        using var anonymous = clients(null);
        var api = JsonNode.Parse(await anonymous.GetStringAsync(new Uri("/openapi/v1.json", UriKind.Relative)))!;
        var routes = api["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject(), (path, operation) =>
            new HostileRoute(api, path.Key, operation.Key.ToUpperInvariant(), operation.Value!, known)).ToList();
        var requests = routes.SelectMany(route => hostile.Against(route)).ToList();
        await Parallel.ForEachAsync(requests, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (send, _) => await send());
        return hostile;
    }

    private IEnumerable<Func<Task>> Against(HostileRoute route)
    {
        foreach (var uri in route.Uris())
        {
            yield return () => SendAsync(route, uri, route.Body());
        }

        foreach (var body in route.Bodies())
        {
            yield return () => SendAsync(route, route.Uri(), body);
        }

        if (route.HasBody)
        {
            foreach (var (type, status) in HostileValues.ContentTypes)
            {
                yield return () => SendAsync(route, route.Uri(), route.Body(), type: type, expected: status);
            }
        }

        foreach (var (name, value) in HostileValues.Headers)
        {
            yield return () => SendAsync(route, route.Uri(), route.Body(), header: (name, value));
        }

        foreach (var accept in s_accepts)
        {
            yield return () => SendAsync(route, route.Uri("limit=-1"), """{"a":""", header: ("Accept", accept));
            yield return () => SendAsync(route, route.Uri(), route.Body(), token: "none", header: ("Accept", accept), expected: 401);
            yield return () => SendAsync(route, "/no/such/route", null, header: ("Accept", accept), expected: 404);
        }

        yield return () => SendAsync(route, route.Uri(), route.Body(), token: TestTokens.Customer());
        foreach (var method in (string[])["PATCH", "DELETE", "HEAD", "OPTIONS", "BREW"])
        {
            yield return () => SendAsync(route, route.Uri(), null, method: method);
        }
    }

    private async Task SendAsync(HostileRoute route, string uri, string? body, string? type = "application/json", string? token = null,
        (string Name, string Value)? header = null, int? expected = null, string? method = null)
    {
        method ??= route.Method;
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(uri, UriKind.Relative));
        if (body is not null && (route.HasBody || header is not null))
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        }

        if (header is { } extra)
        {
            request.Headers.TryAddWithoutValidation(extra.Name, extra.Value);
        }

        var client = token is null ? _staff : _clients(token == "none" ? null : token);
        Interlocked.Increment(ref _sent);
        using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        var text = answer.Content.Headers.ContentType?.MediaType == "text/event-stream" ? "" : await answer.Content.ReadAsStringAsync();
        if (Wrong(answer, text, method, uri, expected) is { } wrong)
        {
            lock (_failures)
            {
                _failures.Add($"{method} {Short(uri)} {Short(body)} {type} {header}: {(int)answer.StatusCode} {wrong}: {Short(text)}");
            }
        }
    }

    private static string? Wrong(HttpResponseMessage answer, string text, string method, string uri, int? expected)
    {
        var status = (int)answer.StatusCode;
        if (status >= 500)
        {
            return "is an error of the service";
        }

        // Kestrel itself rejects what is not HTTP, before any of the shop's code, and closes the connection.
        var isServersOwn = answer.Headers.ConnectionClose == true && text.Length == 0 && status is 400 or 414 or 431;
        if (status < 400 || method == "HEAD" || isServersOwn)
        {
            return expected is null || isServersOwn ? null : $"instead of {expected}";
        }

        if (expected is not null && status != expected && status != 401)
        {
            return $"instead of {expected}";
        }

        if (answer.Content.Headers.ContentType?.MediaType != "application/problem+json")
        {
            return "is no problem document";
        }

        var problem = JsonNode.Parse(text)!;
        return problem["status"]?.GetValue<int>() != status || problem["type"]?.GetValue<string>().StartsWith("urn:shop:problem:", StringComparison.Ordinal) != true
            ? "has not its status and type in the document"
            : ClrName().IsMatch(text) ? "names a type of .NET"
            : problem["detail"]?.GetValue<string>().Any(char.IsControl) == true ? "has a control character in its detail"
            : null;
    }

    private static string Short(string? text) => text is null ? "-" : text.Length <= 160 ? text
        : string.Create(CultureInfo.InvariantCulture, $"{text[..160]}... ({text.Length})");

    [GeneratedRegex(@"\b(System|Microsoft|Shop)\.[A-Z]|Nullable<|Request'|PublicKeyToken|   at ")]
    private static partial Regex ClrName();
}
