using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.EntityFrameworkCore;
using Shop.Analytics.Features.Projections;
using Shop.Analytics.Persistence;
using Shop.Messaging;
using Shop.Messaging.Wire;

namespace Shop.Analytics.Tests;

/// <summary>A running Analytics, one per test class.</summary>
public sealed class AnalyticsFixture : ServiceFixture<Program>, IAsyncLifetime
{
    public const string Queue = "analytics.event-log";
    public const string DeadLetters = Queue + ".dead";

    private static readonly JsonSerializerOptions s_wire = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) },
    };

    protected override IReadOnlyDictionary<string, string?> Settings { get; } = new Dictionary<string, string?>
    {
        ["Logging:LogLevel:Default"] = "None",
    };

    /// <summary>The body of a message: the event, or whatever is sent in its place, under any name.</summary>
    public static string Envelope(string name, object message, Guid? messageId = null) => JsonSerializer.Serialize(new
    {
        messageId = messageId ?? Guid.CreateVersion7(),
        messageType = new[] { "urn:message:" + name },
        sentTime = TimeProvider.System.GetUtcNow(),
        message,
    }, s_wire);

    public async Task<T> GetAsync<T>(string path)
    {
        using var client = Client(TestTokens.Staff());
        return (await client.GetFromJsonAsync<T>(path))!;
    }

    /// <summary>Requests a rebuild and returns the response.</summary>
    public async Task<HttpResponseMessage> PostRebuildAsync(string projection, string query = "")
    {
        using var client = Client(TestTokens.Staff());
        return await client.PostAsync($"/analytics/projections/{projection}/rebuild{query}", content: null);
    }

    /// <summary>Starts a rebuild, which must be accepted; its address.</summary>
    public async Task<string> StartRebuildAsync(string projection, string query = "")
    {
        using var response = await PostRebuildAsync(projection, query);
        Assert.True(response.StatusCode == System.Net.HttpStatusCode.Accepted, await response.Content.ReadAsStringAsync());
        return response.Headers.Location!.OriginalString;
    }

    /// <summary>Rebuilds a projection to its end.</summary>
    public async Task<RebuildResponse> RebuildAsync(string projection, string query = "")
    {
        var address = await StartRebuildAsync(projection, query);
        return await EndedAsync(address);
    }

    /// <summary>Waits for a rebuild's end.</summary>
    public Task<RebuildResponse> EndedAsync(string address) => Eventually.IsAsync($"{address} has ended",
        () => GetAsync<RebuildResponse>(address), rebuild => rebuild.State != "running");

    /// <summary>All rows of a table as one text.</summary>
    public Task<string> RowsAsync(string table) =>
        Database.ScalarAsync<string>($"SELECT coalesce(string_agg(t::text, E'\n' ORDER BY t::text), '') FROM {table} AS t");

    internal async Task<T> WithDatabaseAsync<T>(Func<AnalyticsDbContext, Task<T>> work)
    {
        await using var db = new AnalyticsDbContext(
            new DbContextOptionsBuilder<AnalyticsDbContext>().UseNpgsql(Database.ConnectionString).Options);
        return await work(db);
    }

    /// <summary>
    /// What makes and drops partitions waits three seconds for others that do, and leaves it to the next round if that was not enough.
    /// </summary>
    internal Task<int> PartitionsAsync(Func<AnalyticsDbContext, Task<int>> work) =>
        Eventually.IsAsync("the partitions are made or dropped", () => WithDatabaseAsync(work), _ => true);

    /// <summary>Publishes any text to the exchange of an event, as a broken sender would.</summary>
    public async Task PublishTextAsync(string exchange, string body)
    {
        var properties = new { content_type = "application/vnd.masstransit+json", delivery_mode = 2 };
        Assert.True(await Broker.PublishAsync(exchange, "", Encoding.UTF8.GetBytes(body), properties));
    }

    /// <summary>Waits until these events are in the log.</summary>
    public async Task LoggedAsync(params IReadOnlyList<IIntegrationEvent> events)
    {
        ArgumentNullException.ThrowIfNull(events);
        var ids = events.Select(e => $"'{e.EventId}'").ToHashSet();
        await Eventually.IsAsync($"{ids.Count} events are in the log",
            () => Database.ScalarAsync<long>($"SELECT count(*) FROM event_log WHERE event_id IN ({string.Join(",", ids)})"),
            count => count == ids.Count);
    }
}
