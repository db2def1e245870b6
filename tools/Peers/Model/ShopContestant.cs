using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Shop.Benchmarks.Model;
using Shop.Contracts;
using Shop.Contracts.Ordering.V1;
using Shop.Messaging;
using Shop.Messaging.Tests.Harness;

namespace Shop.Peers.Model;

/// <summary>Shop's messaging, as its services register it.</summary>
internal sealed class ShopContestant : Contestant
{
    private readonly Stage _stage;
    private readonly RawPublisher _publisher;
    private readonly SampleEvent _sample;
    private ServiceUnderTest<BenchDbContext> _producer;
    private ServiceUnderTest<BenchDbContext>? _consumer;
    private string _queue = Stage.Sink;

    private ShopContestant(Stage stage, TestDatabase effects, RawPublisher publisher, SampleEvent sample, ServiceUnderTest<BenchDbContext> producer)
        : base("Shop")
    {
        (_stage, Effects, _publisher, _sample, _producer) = (stage, effects, publisher, sample, producer);
    }

    public override TestDatabase Database => _stage.Database;

    public override TestDatabase Effects { get; }

    public override TestVirtualHost Broker => _stage.Broker;

    public override string Outbox => "outbox";

    public override string Inbox => "inbox";

    public override string Queue => _queue;

    public static async Task<ShopContestant> CreateAsync()
    {
        var stage = await Stage.CreateAsync();
        var producer = await stage.ProducerAsync(relay: false);
        var sample = await SampleEvent.CreateAsync(stage, producer);
        return new ShopContestant(
            stage, await TestServers.CreateDatabaseAsync("bench"), await RawPublisher.ConnectAsync(stage.Broker.AmqpUri), sample, producer);
    }

    /// <summary>What the broker confirms at most: the messages that the relay would send.</summary>
    public Task PublishRawAsync(int count, CancellationToken ct) => _sample.PublishAsync(_publisher, count, ct);

    public override async Task StartProducerAsync(bool sends)
    {
        if (_consumer is null)
        {
            await _stage.BindSinkAsync();
        }

        if (sends)
        {
            _producer = await _stage.ProducerAsync(relay: true, migrate: false);
        }
    }

    public override Task StopProducerAsync() => _producer.StopAsync();

    public override async Task SaveAsync(int number, bool silent, CancellationToken ct)
    {
        var order = Order(number, silent);
        await _producer.WorkAsync(async db =>
        {
            db.Orders.Add(order);
            await db.SaveChangesAsync(ct);
        });
        if (!silent)
        {
            CommitClock.Sent(order.EventId, Stopwatch.GetTimestamp());
        }
    }

    public override Task FillAsync(int count, Action onCommit, CancellationToken ct) => _sample.StoreAsync(_producer, count, onCommit, ct);

    public override async Task StartConsumerAsync(ConsumerKind kind)
    {
        _consumer = await _stage.ConsumerAsync(Effects, bus =>
        {
            _ = kind == ConsumerKind.OneByOne ? bus.AddConsumer<BenchConsumer>() : bus.AddBatchConsumer<BenchBatchConsumer, OrderPlaced>();
        }, migrateDatabase: true);
        _queue = kind == ConsumerKind.OneByOne ? BenchConsumer.Queue : BenchBatchConsumer.Queue;
        _stage.Gate.Open();
    }

    public override Task StopConsumerAsync() => _consumer!.StopAsync();

    /// <summary>A service process of its own, which consumes and can send: the library alone, without what Shop's services add.</summary>
    public static IHost Service(string database, Uri broker)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["ConnectionStrings:Database"] = database,
            ["ConnectionStrings:rabbitmq"] = broker.ToString(),
            ["Messaging:Service"] = "inventory",
        });
        var gate = new Gate();
        gate.Open();
        builder.Services.AddSingleton(gate);
        builder.Services.AddDbContextPool<BenchDbContext>(options => options.UseNpgsql(database).AddInterceptors(CommitClock.Instance));
        builder.AddMessaging<BenchDbContext>(ShopEvents.Catalog, BenchDbContext.Events, messaging => messaging.AddConsumer<BenchConsumer>());
        return builder.Build();
    }

    public override Task HoldConsumerAsync()
    {
        _stage.Gate.Close();
        return Task.CompletedTask;
    }

    public override Task ReleaseConsumerAsync()
    {
        _stage.Gate.Open();
        return Task.CompletedTask;
    }

    public override Task FillQueueAsync(int count, CancellationToken ct) => _sample.PublishAsync(_publisher, count, ct, _queue);

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _publisher.DisposeAsync();
        await _stage.DisposeAsync();
        await Effects.DisposeAsync();
    }
}
