using System.Text;
using System.Text.Json.Nodes;

namespace Shop.Testing;

/// <summary>Sends every POST of a service twice with one Idempotency-Key: the second response must be the first.</summary>
public static class RepeatedPosts
{
    /// <summary>Sends them all; fails at the first server error or differing response.</summary>
    /// <param name="client">With a token that may call every route.</param>
    /// <param name="known">Values that are good, by the name of the parameter or member.</param>
    /// <returns>The routes.</returns>
    public static async Task<IReadOnlyList<string>> SendAllAsync(HttpClient client, IReadOnlyDictionary<string, string> known)
    {
        ArgumentNullException.ThrowIfNull(client);
        var api = JsonNode.Parse(await client.GetStringAsync(new Uri("/openapi/v1.json", UriKind.Relative)))!;
        List<string> sent = [];
        foreach (var (path, operations) in api["paths"]!.AsObject())
        {
            if (operations!["post"] is not { } operation)
            {
                continue;
            }

            var route = new HostileRoute(api, path, "POST", operation, known);
            var key = $"twice-{Guid.CreateVersion7()}";
            using var first = await SendAsync(client, route, key);
            using var second = await SendAsync(client, route, key);
            var (one, two) = (await first.Content.ReadAsStringAsync(), await second.Content.ReadAsStringAsync());
            if ((int)first.StatusCode >= 500 || first.StatusCode != second.StatusCode || one != two
                || first.Headers.Contains("Idempotent-Replayed") || !second.Headers.Contains("Idempotent-Replayed")
                || first.Content.Headers.ContentType?.ToString() != second.Content.Headers.ContentType?.ToString())
            {
                throw new InvalidOperationException($"POST {path}: {(int)first.StatusCode} {one}, then {(int)second.StatusCode} {two}");
            }

            sent.Add(path);
        }

        return sent;
    }

    private static Task<HttpResponseMessage> SendAsync(HttpClient client, HostileRoute route, string key)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, route.Uri());
        request.Headers.Add("Idempotency-Key", key);
        request.Content = route.Body() is { } body ? new StringContent(body, Encoding.UTF8, "application/json") : null;
        return client.SendAsync(request);
    }
}
