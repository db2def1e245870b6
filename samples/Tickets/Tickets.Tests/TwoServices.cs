using System.Diagnostics.Metrics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Npgsql;
using RabbitMQ.Client;

namespace Tickets.Tests;

/// <summary>
/// The desk and the mail, each with a database of its own, and a virtual host between them. The servers are those that SHOP_TEST_POSTGRES,
/// SHOP_TEST_RABBITMQ and SHOP_TEST_RABBITMQ_MANAGEMENT name.
/// </summary>
public sealed class TwoServices : IAsyncLifetime
{
    private readonly string _name = $"tickets_{Guid.CreateVersion7():N}";
    private readonly string _postgres = Setting("SHOP_TEST_POSTGRES");
    private readonly MeterListener _meter = new();
    private readonly List<BasicGetResult> _published = [];
    private WebApplication _desk = null!, _mail = null!;
    private IConnection _broker = null!;
    private IChannel _channel = null!;
    private long _deduplicated;

    public HttpClient Desk { get; } = new();

    public HttpClient Mail { get; } = new();

    /// <summary>Duplicates that were acknowledged without effect.</summary>
    public long Deduplicated => Interlocked.Read(ref _deduplicated);

    public async ValueTask InitializeAsync()
    {
        var broker = await CreateVirtualHostAsync(new Uri(Setting("SHOP_TEST_RABBITMQ")), new Uri(Setting("SHOP_TEST_RABBITMQ_MANAGEMENT")));
        _meter.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == "Shop.Messaging" && instrument.Name.EndsWith("inbox.deduplicated", StringComparison.Ordinal))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _meter.SetMeasurementEventCallback<long>((_, count, _, _) => Interlocked.Add(ref _deduplicated, count));
        _meter.Start();
        _desk = await global::Desk.CreateAsync([.. await SettingsAsync("desk", broker)]);
        _mail = await global::Mail.CreateAsync([.. await SettingsAsync("mail", broker)]);
        await _desk.StartAsync();
        await _mail.StartAsync();
        Desk.BaseAddress = new Uri(_desk.Urls.First());
        Mail.BaseAddress = new Uri(_mail.Urls.First());

        _broker = await new ConnectionFactory { Uri = broker }.CreateConnectionAsync();
        _channel = await _broker.CreateChannelAsync();
        await _channel.QueueDeclareAsync("seen", durable: false, exclusive: true);
        await _channel.ExchangeDeclareAsync("desk.ticket-opened.v1", ExchangeType.Fanout, durable: true); // whoever is first
        await _channel.QueueBindAsync("seen", "desk.ticket-opened.v1", "");
    }

    /// <summary>The bodies of all that the desk has published so far.</summary>
    public async Task<IReadOnlyList<string>> PublishedAsync()
    {
        while (await _channel.BasicGetAsync("seen", autoAck: true) is { } message)
        {
            _published.Add(message);
        }

        return [.. _published.Select(message => Encoding.UTF8.GetString(message.Body.Span))];
    }

    /// <summary>Publishes an event again as it was, as a relay does that died before it knew that the broker had it.</summary>
    public async Task RepeatAsync(string subject)
    {
        await PublishedAsync();
        var message = _published.First(message => Encoding.UTF8.GetString(message.Body.Span).Contains($"\"{subject}\"", StringComparison.Ordinal));
        await _channel.BasicPublishAsync("desk.ticket-opened.v1", "", mandatory: true, new BasicProperties(message.BasicProperties), message.Body);
    }

    public async Task<bool> OutboxIsEmptyAsync()
    {
        await using var database = new NpgsqlConnection(ConnectionString("desk"));
        await database.OpenAsync();
        await using var command = new NpgsqlCommand("SELECT NOT EXISTS (SELECT FROM outbox) AND NOT EXISTS (SELECT FROM outbox_parked)", database);
        return (bool)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>Waits for something that happens in its own time.</summary>
    public static async Task UntilAsync(Func<Task<bool>> condition, string what)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (!await condition())
        {
            Assert.False(patience.IsCancellationRequested, $"Did not come true: {what}.");
            await Task.Delay(20);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _broker.DisposeAsync();
        await _desk.DisposeAsync();
        await _mail.DisposeAsync();
        _meter.Dispose();
        NpgsqlConnection.ClearAllPools();
        await ExecuteAsync($"DROP DATABASE {_name}_desk WITH (FORCE)");
        await ExecuteAsync($"DROP DATABASE {_name}_mail WITH (FORCE)");
    }

    private async Task<string[]> SettingsAsync(string service, Uri broker)
    {
        await ExecuteAsync($"CREATE DATABASE {_name}_{service}");
        return ["--urls=http://127.0.0.1:0", $"--ConnectionStrings:Database={ConnectionString(service)}", $"--ConnectionStrings:rabbitmq={broker}"];
    }

    private string ConnectionString(string service) => new NpgsqlConnectionStringBuilder(_postgres) { Database = $"{_name}_{service}" }.ConnectionString;

    private async Task ExecuteAsync(string sql)
    {
        await using var server = new NpgsqlConnection(_postgres);
        await server.OpenAsync();
        await using var command = new NpgsqlCommand(sql, server);
        await command.ExecuteNonQueryAsync();
    }

    private async Task<Uri> CreateVirtualHostAsync(Uri broker, Uri management)
    {
        using var http = new HttpClient { BaseAddress = new Uri(management, "api/") };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic",
            Convert.ToBase64String(Encoding.UTF8.GetBytes(Uri.UnescapeDataString(broker.UserInfo))));
        (await http.PutAsync($"vhosts/{_name}", null)).EnsureSuccessStatusCode();
        var permissions = JsonContent.Create(new { configure = ".*", write = ".*", read = ".*" });
        await permissions.LoadIntoBufferAsync(); // else chunked, which the API does not take everywhere
        (await http.PutAsync($"permissions/{_name}/{broker.UserInfo.Split(':')[0]}", permissions)).EnsureSuccessStatusCode();
        return new UriBuilder(broker) { Path = _name }.Uri;
    }

    private static string Setting(string name) => Environment.GetEnvironmentVariable(name)
        ?? throw new InvalidOperationException($"{name} is not set. ./shop test --project Packages.Tests starts the servers and runs this.");
}
