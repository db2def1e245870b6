using System.Text;
using Microsoft.AspNetCore.Builder;
using Npgsql;
using RabbitMQ.Client;

namespace Samples.Tests;

/// <summary>The desk and the mail, each with a database of its own, and a virtual host between them.</summary>
public sealed class TwoServices : IAsyncLifetime
{
    private readonly string _name = $"tickets_{Guid.CreateVersion7():N}";
    private readonly Servers _servers = new();
    private readonly DuplicateCounter _duplicates = new("mail.");
    private readonly List<BasicGetResult> _published = [];
    private WebApplication _desk = null!, _mail = null!;
    private IConnection _broker = null!;
    private IChannel _channel = null!;

    public HttpClient Desk { get; } = new();

    public HttpClient Mail { get; } = new();

    /// <summary>Duplicates that were acknowledged without effect.</summary>
    public long Deduplicated => _duplicates.Count;

    public async ValueTask InitializeAsync()
    {
        var broker = await _servers.CreateVirtualHostAsync(_name);
        _desk = await global::Desk.CreateAsync([.. await SettingsAsync("desk", broker)]);
        _mail = await global::Mail.CreateAsync([.. await SettingsAsync("mail", broker)]);
        await _desk.StartAsync();
        await _mail.StartAsync();
        await Servers.DeclaredAsync(_mail);
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
        await using var database = new NpgsqlConnection(_servers.ConnectionString($"{_name}_desk"));
        await database.OpenAsync();
        await using var command = new NpgsqlCommand("SELECT NOT EXISTS (SELECT FROM outbox) AND NOT EXISTS (SELECT FROM outbox_parked)", database);
        return (bool)(await command.ExecuteScalarAsync())!;
    }

    public async ValueTask DisposeAsync()
    {
        await _broker.DisposeAsync();
        await _desk.DisposeAsync();
        await _mail.DisposeAsync();
        _duplicates.Dispose();
        await _servers.DropDatabaseAsync($"{_name}_desk");
        await _servers.DropDatabaseAsync($"{_name}_mail");
    }

    private async Task<string[]> SettingsAsync(string service, Uri broker) =>
    [
        "--urls=http://127.0.0.1:0", $"--ConnectionStrings:Database={await _servers.CreateDatabaseAsync($"{_name}_{service}")}",
        $"--ConnectionStrings:rabbitmq={broker}",
    ];
}
