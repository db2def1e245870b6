using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Shop.Notification.Tests;

/// <summary>Notification, whole and real, with a pickup folder of its own as the mail server.</summary>
public class NotificationFixture : ServiceFixture<Program>, IAsyncLifetime
{
    internal const string Queue = "notification.customer-notifications";
    internal const string DeadLetters = Queue + ".dead";
    internal const string StaffQueue = "notification.staff-notifications";

    private readonly LogSink _log = new();

    internal string PickupFolder { get; } = Path.Combine(Path.GetTempPath(), $"shop-mail-{Guid.CreateVersion7():N}");

    /// <summary>Every line that the service logged, down to the finest level.</summary>
    internal IReadOnlyCollection<string> LogLines => _log.Lines;

    protected override IReadOnlyDictionary<string, string?> Settings => new Dictionary<string, string?>
    {
        ["Email:PickupDirectory"] = PickupFolder,
        ["Delivery:PollInterval"] = "00:00:00.100",
        ["Logging:LogLevel:Default"] = "Trace",
        ["Logging:Console:LogLevel:Default"] = "None",
    };

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        if (Directory.Exists(PickupFolder))
        {
            Directory.Delete(PickupFolder, recursive: true);
        }

        GC.SuppressFinalize(this);
    }

    /// <summary>Gives back the webhook's secret, if there is a webhook that is new.</summary>
    internal async Task<string?> PutContactAsync(string customer, string? name = null, string? webhookUrl = null)
    {
        using var client = Client(TestTokens.Customer(customer));
        using var answer = await client.PutAsJsonAsync(
            "/contacts/me", new { name = name ?? customer, email = $"{customer}@example.com", webhookUrl });
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("webhookSecret").GetString();
    }

    internal async Task<List<JsonElement>> NotificationsOfAsync(string customer, string query = "")
    {
        using var client = Client(TestTokens.Customer(customer));
        var page = await client.GetFromJsonAsync<JsonElement>("/notifications" + query);
        return [.. page.GetProperty("items").EnumerateArray()];
    }

    /// <summary>Waits until a customer has exactly one notification and it is in this status.</summary>
    internal async Task<JsonElement> OnlyOneOfAsync(string customer, string status) => (await Eventually.IsAsync(
        $"{customer}'s notification is {status}",
        () => NotificationsOfAsync(customer),
        all => all.Count > 0 && all[0].GetProperty("status").GetString() == status)).Single();

    /// <summary>Waits until a customer has one notification over this channel and it is in this status.</summary>
    internal async Task<JsonElement> OneOfAsync(string customer, string channel, string status) => (await Eventually.IsAsync(
        $"{customer}'s notification by {channel} is {status}",
        async () => (await NotificationsOfAsync(customer)).Where(n => n.GetProperty("channel").GetString() == channel).ToList(),
        all => all.Count > 0 && all[0].GetProperty("status").GetString() == status)).Single();

    internal async Task AllConsumedAsync(string queueName) => await Eventually.IsAsync("the queue is empty", async () =>
        await Broker.QueueAsync(queueName), queue => queue is { Ready: 0, Unacknowledged: 0 });

    internal async Task<HttpResponseMessage> ResendAsync(Guid id)
    {
        using var client = Client(TestTokens.Staff());
        return await client.PostAsync(new Uri($"/notifications/{id}/resend", UriKind.Relative), null);
    }

    /// <summary>The mails in the pickup folder to this customer.</summary>
    internal IReadOnlyList<string> MailsTo(string customer) => !Directory.Exists(PickupFolder) ? [] :
    [
        .. Directory.EnumerateFiles(PickupFolder, "*.eml").Select(File.ReadAllText)
            .Where(mail => mail.Contains($"{customer}@example.com", StringComparison.OrdinalIgnoreCase)),
    ];

    protected override void ConfigureServices(IServiceCollection services) => services.AddSingleton<ILoggerProvider>(_log);

    private sealed class LogSink : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue($"{formatter(state, exception)} {exception}");

        public void Dispose()
        {
        }
    }
}
