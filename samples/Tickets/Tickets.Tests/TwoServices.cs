using System.Diagnostics.Metrics;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Npgsql;
using RabbitMQ.Client;

namespace Tickets.Tests;

/// <summary>The desk and the mail, each with a database of its own, and a virtual host between them.</summary>
public sealed class TwoServices : IAsyncLifetime
{
    private readonly string _name = $"tickets_{Guid.CreateVersion7():N}";
    private readonly Servers _servers = new();
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
        var broker = await _servers.CreateVirtualHostAsync(_name);
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
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (!await condition())
        {
            Assert.False(timeout.IsCancellationRequested, $"Did not come true: {what}.");
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
        await _servers.ExecuteAsync($"DROP DATABASE {_name}_desk WITH (FORCE)");
        await _servers.ExecuteAsync($"DROP DATABASE {_name}_mail WITH (FORCE)");
    }

    private async Task<string[]> SettingsAsync(string service, Uri broker)
    {
        await _servers.ExecuteAsync($"CREATE DATABASE {_name}_{service}");
        return ["--urls=http://127.0.0.1:0", $"--ConnectionStrings:Database={ConnectionString(service)}", $"--ConnectionStrings:rabbitmq={broker}"];
    }

    private string ConnectionString(string service) => _servers.ConnectionString($"{_name}_{service}");
}
