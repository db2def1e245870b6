using System.Text;
using Contacts.Contracts.V1;
using Ledger.Contracts.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using RabbitMQ.Client;
using Shop.Messaging;
using Shop.Messaging.Consuming.Batches;

namespace Samples.Tests;

/// <summary>A service that consumes whatever contacts and ledger publish, with an inbox, and beside it a queue that keeps every delivery.</summary>
internal sealed class Subscriber : IAsyncDisposable
{
    private static readonly EventCatalog s_events = EventCatalog.Of(typeof(ContactChanged).Assembly, typeof(AmountPosted).Assembly);

    private readonly DuplicateCounter _duplicates;
    private readonly List<(string MessageId, string Body)> _deliveries = [];
    private WebApplication _service = null!;
    private IConnection _broker = null!;
    private IChannel _channel = null!;

    private Subscriber(string name) => _duplicates = new DuplicateCounter(name + ".");

    /// <summary>Duplicates that were acknowledged without effect.</summary>
    public long Duplicates => _duplicates.Count;

    /// <summary>How many deliveries have the id of an earlier one, as far as <see cref="DeliveriesAsync"/> has read them.</summary>
    public int Repeats => _deliveries.Count - _deliveries.DistinctBy(delivery => delivery.MessageId).Count();

    public static async Task<Subscriber> StartAsync(string name, string database, Uri broker)
    {
        var builder = WebApplication.CreateSlimBuilder([
            "--urls=http://127.0.0.1:0", $"--Messaging:Service={name}", $"--ConnectionStrings:Database={database}", $"--ConnectionStrings:rabbitmq={broker}",
        ]);
        builder.Services.AddDbContextPool<SubscriberDb>(options => options.UseNpgsql(database));
        builder.AddMessaging<SubscriberDb>(s_events, messaging => messaging.DeclareTopology().AddBatchConsumer<EffectConsumer, IIntegrationEvent>());
        var subscriber = new Subscriber(name) { _service = builder.Build() };
        await using (var scope = subscriber._service.Services.CreateAsyncScope())
        {
            var db = scope.ServiceProvider.GetRequiredService<SubscriberDb>();
            await db.Database.EnsureCreatedAsync();
            await db.CreateMessagingTablesAsync();
        }

        await subscriber._service.StartAsync();
        await Servers.DeclaredAsync(subscriber._service);
        subscriber._broker = await new ConnectionFactory { Uri = broker }.CreateConnectionAsync();
        subscriber._channel = await subscriber._broker.CreateChannelAsync();
        await subscriber._channel.QueueDeclareAsync("seen", durable: false, exclusive: true);
        foreach (var exchange in s_events.Names)
        {
            await subscriber._channel.ExchangeDeclareAsync(exchange, ExchangeType.Fanout, durable: true); // whoever is first
            await subscriber._channel.QueueBindAsync("seen", exchange, "");
        }

        return subscriber;
    }

    /// <summary>The message ids of all that was delivered of a stream, duplicates included, in order.</summary>
    public async Task<IReadOnlyList<string>> DeliveriesAsync(Guid stream)
    {
        while (await _channel.BasicGetAsync("seen", autoAck: true) is { } message)
        {
            _deliveries.Add((message.BasicProperties.MessageId!, Encoding.UTF8.GetString(message.Body.Span)));
        }

        return [.. _deliveries.Where(delivery => delivery.Body.Contains(stream.ToString(), StringComparison.Ordinal)).Select(delivery => delivery.MessageId)];
    }

    /// <summary>What the consumer did for the events of a stream: their versions, in the order in which it did it.</summary>
    public async Task<IReadOnlyList<int>> EffectsAsync(Guid stream)
    {
        await using var scope = _service.Services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<SubscriberDb>().Effects.Where(effect => effect.Stream == stream.ToString())
            .OrderBy(effect => effect.Id).Select(effect => effect.Version).ToListAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _broker.DisposeAsync();
        await _service.StopAsync();
        await _service.DisposeAsync();
        _duplicates.Dispose();
    }
}

/// <summary>No rule of its own finds a duplicate: only the inbox does.</summary>
internal sealed class EffectConsumer(SubscriberDb db) : IBatchConsumer<IIntegrationEvent>
{
    public Task ConsumeAsync(IIntegrationEvent @event, CancellationToken ct)
    {
        db.Effects.Add(new Effect { Stream = @event.AggregateId, Version = @event.AggregateVersion });
        return Task.CompletedTask;
    }
}

internal sealed class Effect
{
    public long Id { get; private init; }
    public required string Stream { get; init; }
    public required int Version { get; init; }
}

internal sealed class SubscriberDb(DbContextOptions<SubscriberDb> options) : DbContext(options)
{
    public DbSet<Effect> Effects => Set<Effect>();

    protected override void OnModelCreating(ModelBuilder modelBuilder) => modelBuilder.MapMessaging();
}
