using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace Shop.Operations;

/// <summary>The staff APIs of all services.</summary>
/// <param name="clientOf">The client of a service: with its address, and the token of a member of the staff.</param>
/// <param name="json">How answers are read: by default a member that a service of another version lacks is null, or zero.</param>
public sealed class StaffApis(Func<string, HttpClient> clientOf, JsonSerializerOptions? json = null)
{
    /// <summary>The API of one service.</summary>
    public StaffApi Of(string service) => new(service, clientOf(service), json);

    /// <summary>Asks every service at the same time; one that does not answer is unknown, and hides no other.</summary>
    public Task<Answer<T>[]> AskAllAsync<T>(Func<StaffApi, Task<T>> askAsync, CancellationToken ct)
        where T : class => Task.WhenAll(ShopServices.Names.Select(service => Answer.OrUnknownAsync(service, () => askAsync(Of(service)), ct)));
}

/// <summary>One service's API for staff. Nothing here retries or limits the time: that is the client's.</summary>
public sealed class StaffApi(string service, HttpClient http, JsonSerializerOptions? json = null)
{
    private const int PageSize = 200;

    /// <summary>The service's name.</summary>
    public string Service => service;

    public Task<OutboxView> OutboxAsync(CancellationToken ct) => GetAsync<OutboxView>("outbox", ct);

    /// <summary>Retries parked streams now; how many.</summary>
    /// <param name="stream">Null for all.</param>
    public async Task<int> RetryOutboxAsync(string? stream, CancellationToken ct) =>
        (await PostAsync<Retried>("outbox/retry" + (stream is null ? "" : $"?stream={Uri.EscapeDataString(stream)}"), body: null, ct)).Count;

    /// <summary>At most 200 of each queue, or of one queue.</summary>
    public Task<List<DeadLetterView>> DeadLettersAsync(string? queue, CancellationToken ct) =>
        GetAsync<List<DeadLetterView>>($"dead-letters?limit={PageSize}" + (queue is null ? "" : $"&queue={Uri.EscapeDataString(queue)}"), ct);

    public Task<List<DeadLetterView>> DiscardedAsync(CancellationToken ct) => GetAsync<List<DeadLetterView>>("dead-letters/discarded", ct);

    /// <summary>A dead letter with its content; null where there is none with this id any more.</summary>
    public Task<DeadLetterContentView?> FindDeadLetterAsync(string queue, string id, CancellationToken ct) =>
        FindAsync<DeadLetterContentView>($"dead-letters/{Uri.EscapeDataString(queue)}/{Uri.EscapeDataString(id)}", ct);

    /// <summary>Sends dead letters of a queue again: one, or all.</summary>
    public Task<MovedView> RetryDeadLettersAsync(string queue, string? id, CancellationToken ct) => PostAsync<MovedView>(
        $"dead-letters/{Uri.EscapeDataString(queue)}/{(id is null ? "" : Uri.EscapeDataString(id) + "/")}retry", body: null, ct);

    /// <summary>Discards a dead letter; it is kept with the reason.</summary>
    public Task<MovedView> DiscardAsync(string queue, string id, string reason, CancellationToken ct) =>
        PostAsync<MovedView>($"dead-letters/{Uri.EscapeDataString(queue)}/{Uri.EscapeDataString(id)}/discard", new { reason }, ct);

    /// <summary>The first items of a paged list.</summary>
    public async Task<List<T>> PageAsync<T>(string path, int limit, CancellationToken ct) => [.. (await GetAsync<Page<T>>($"{path}?limit={limit}", ct)).Items];

    /// <summary>Every item of a paged list.</summary>
    /// <param name="isEnough">Ends the reading after a page, by its last item.</param>
    public async Task<List<T>> ListAsync<T>(string path, CancellationToken ct, Func<T, bool>? isEnough = null)
    {
        List<T> all = [];
        string? cursor = null;
        do
        {
            var page = await GetAsync<Page<T>>(
                $"{path}{(path.Contains('?', StringComparison.Ordinal) ? '&' : '?')}limit={PageSize}{(cursor is null ? "" : $"&cursor={cursor}")}", ct);
            all.AddRange(page.Items);
            cursor = page.Items is [.., var last] && isEnough?.Invoke(last) == true ? null : page.NextCursor;
        }
        while (cursor is not null);
        return all;
    }

    /// <exception cref="StaffApiException">The service refused it; the message has its reason.</exception>
    public async Task<T> GetAsync<T>(string path, CancellationToken ct)
    {
        using var response = await http.GetAsync(new Uri(path, UriKind.Relative), ct);
        return await ReadAsync<T>(response, ct);
    }

    /// <summary>Null where the service has no such thing.</summary>
    /// <exception cref="StaffApiException">The service refused it; the message has its reason.</exception>
    public async Task<T?> FindAsync<T>(string path, CancellationToken ct)
        where T : class
    {
        using var response = await http.GetAsync(new Uri(path, UriKind.Relative), ct);
        return response.StatusCode == HttpStatusCode.NotFound ? null : await ReadAsync<T>(response, ct);
    }

    /// <exception cref="StaffApiException">The service refused it; the message has its reason.</exception>
    public async Task<T> PostAsync<T>(string path, object? body, CancellationToken ct)
    {
        using var content = body is null ? null : JsonContent.Create(body);
        using var response = await http.PostAsync(new Uri(path, UriKind.Relative), content, ct);
        return await ReadAsync<T>(response, ct);
    }

    /// <exception cref="StaffApiException">The service refused it; the message has its reason.</exception>
    public async Task<T> DeleteAsync<T>(string path, CancellationToken ct)
    {
        using var response = await http.DeleteAsync(new Uri(path, UriKind.Relative), ct);
        return await ReadAsync<T>(response, ct);
    }

    private async Task<T> ReadAsync<T>(HttpResponseMessage response, CancellationToken ct) => response.IsSuccessStatusCode
        ? (await response.Content.ReadFromJsonAsync<T>(json ?? JsonSerializerOptions.Web, ct))!
        : throw new StaffApiException(service, response.StatusCode, await DetailAsync(response, ct));

    private static async Task<string> DetailAsync(HttpResponseMessage response, CancellationToken ct)
    {
        if (response.Content.Headers.ContentType?.MediaType != "application/problem+json")
        {
            return $"{response.ReasonPhrase}: the answer is not a problem document, so it may be from something in between.";
        }

        var problem = await response.Content.ReadFromJsonAsync<ProblemView>(ct);
        return problem?.Errors is { Count: > 0 } errors
            ? string.Join(' ', errors.Select(error => $"{error.Key}: {string.Join(' ', error.Value)}"))
            : problem?.Detail ?? "";
    }

    private sealed record ProblemView(string? Detail, Dictionary<string, string[]>? Errors);

    private sealed record Retried(int Count);

    private sealed record Page<T>(IReadOnlyList<T> Items, string? NextCursor);
}

/// <summary>A service refused a request of staff.</summary>
public sealed class StaffApiException(string service, HttpStatusCode status, string detail) : Exception($"{detail} ({(int)status})")
{
    /// <summary>The service's name.</summary>
    public string Service => service;

    /// <summary>The HTTP status.</summary>
    public HttpStatusCode Status => status;
}
