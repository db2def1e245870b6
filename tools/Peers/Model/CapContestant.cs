using System.Globalization;
using DotNetCore.CAP;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using RabbitMQ.Client;
using Shop.Benchmarks.Model;
using Shop.Contracts.Ordering.V1;

namespace Shop.Peers.Model;

/// <summary>CAP with its tables on PostgreSQL and a RabbitMQ transport of our own; docs/peers.md describes its settings.</summary>
internal sealed class CapContestant : PeerContestant
{
    public const string Topic = "bench.order-placed";

    private readonly bool _tuned;
    private readonly Gate _gate = new();
    private IHost? _consumer;
    private (string Id, string Content)? _stored;
    private long _lastId = 1;

    private CapContestant(string name, bool tuned, TestDatabase database, TestDatabase effects, TestVirtualHost broker)
        : base(name, database, effects, broker) => _tuned = tuned;

    public override string Outbox => "cap.published";

    public override string Inbox => "cap.received";

    /// <summary>CAP adds its version to the group's name.</summary>
    public override string Queue => $"{Events}.v1";

    public static async Task<CapContestant> CreateAsync(string name = "CAP", bool tuned = true) => new(name, tuned,
        await TestServers.CreateDatabaseAsync("cap"), await TestServers.CreateDatabaseAsync("cap"), await TestServers.CreateVirtualHostAsync("cap"));

    public override async Task SaveAsync(int number, bool silent, CancellationToken ct)
    {
        await using var scope = Producer.Services.CreateAsyncScope();
        var services = scope.ServiceProvider;
        var order = Order(number, silent: true);
        if (silent)
        {
            await SaveSilentAsync(services, order, ct);
            return;
        }

        var placed = order.Placed(Guid.CreateVersion7());
        var db = services.GetRequiredService<PeerDbContext>();
        var publisher = services.GetRequiredService<ICapPublisher>();
        await using var transaction = Begin(services, db, publisher);
        db.Orders.Add(order);
        db.Producing = placed.EventId;
        await db.SaveChangesAsync(ct);
        await publisher.PublishAsync(Topic, placed, cancellationToken: ct);
        if (publisher.Transaction?.DbTransaction is null)
        {
            throw new InvalidOperationException("CAP has stored the event outside the order's transaction."); // it does not complain itself
        }

        await transaction.CommitAsync(ct);
    }

    /// <summary>Old enough for the retry to look at them, which is how CAP finds what an ended producer has left.</summary>
    public override async Task FillAsync(int count, Action onCommit, CancellationToken ct)
    {
        if (_stored is null)
        {
            await SaveAsync(0, silent: false, ct);
            await ArrivedAsync(1, TimeSpan.FromMinutes(1), ct);
            await Broker.PurgeAsync(Queue);
            _stored = ((await Database.ScalarAsync<long>("SELECT \"Id\" FROM cap.published")).ToString(CultureInfo.InvariantCulture),
                await Database.ScalarAsync<string>("SELECT \"Content\" FROM cap.published"));
            await Database.ExecuteAsync("DELETE FROM cap.published");
        }

        await using var connection = new NpgsqlConnection(Database.ConnectionString);
        await connection.OpenAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await using var command = new NpgsqlCommand(
            """
            INSERT INTO cap.published ("Id", "Version", "Name", "Content", "Retries", "Added", "ExpiresAt", "StatusName")
            SELECT $1 + n, 'v1', $2, replace($3, $4, ($1 + n)::text), 0, now() - interval '2 days', NULL, 'Scheduled'
            FROM generate_series(1, $5) AS n
            """, connection, transaction)
        {
            Parameters =
            {
                new NpgsqlParameter { Value = _lastId },
                new NpgsqlParameter { Value = Topic },
                new NpgsqlParameter { Value = _stored.Value.Content },
                new NpgsqlParameter { Value = _stored.Value.Id },
                new NpgsqlParameter { Value = count },
            },
        };
        await command.ExecuteNonQueryAsync(ct);
        _lastId += count;
        onCommit();
        await transaction.CommitAsync(ct);
    }

    public override async Task StartConsumerAsync(ConsumerKind kind)
    {
        if (kind == ConsumerKind.Batches)
        {
            throw new NotSupportedException("CAP has no batches.");
        }

        await CaptureAsync();
        _gate.Open();
        _consumer = Build(Prepared(Effects), Broker.AmqpUri, _tuned, services => services.AddSingleton(_gate).AddTransient<ICapSubscribe, CapSubscriber>());
        await CreateTablesAsync(_consumer);
        await StartAsync(_consumer);
        await Eventually.HoldsAsync("CAP consumes", async () => (await Broker.QueueAsync(Queue))?.Consumers > 0);
    }

    public override async Task StopConsumerAsync()
    {
        await StopAsync(_consumer);
        _consumer = null;
    }

    /// <summary>A service process of its own, which consumes and can send.</summary>
    public static IHost Service(string database, Uri broker)
    {
        var gate = new Gate();
        gate.Open();
        return Build(database, broker, tuned: true, services => services.AddSingleton(gate).AddTransient<ICapSubscribe, CapSubscriber>());
    }

    public override Task HoldConsumerAsync()
    {
        _gate.Close();
        return Task.CompletedTask;
    }

    public override Task ReleaseConsumerAsync()
    {
        _gate.Open();
        return Task.CompletedTask;
    }

    public override async ValueTask DisposeAsync()
    {
        _gate.Open();
        await StopAsync(_consumer);
        await base.DisposeAsync();
    }

    /// <summary>CAP makes its tables and starts its consumers in the background.</summary>
    protected override async Task StartAsync(IHost host)
    {
        await host.StartAsync();
        await Eventually.HoldsAsync("CAP has started", () => host.Services.GetRequiredService<IBootstrapper>().IsStarted);
    }

    protected override IHost BuildProducer() => Build(Prepared(Database), Broker.AmqpUri, _tuned, _ => { });

    protected override async Task DeclareAsync()
    {
        await Broker.DeclareExchangeAsync(CapRabbitMq.Exchange, "topic");
        await Broker.DeclareQueueAsync(Queue);
        await Broker.BindAsync(CapRabbitMq.Exchange, Queue, Topic);
    }

    protected override (BasicProperties Properties, byte[] Body) Copy(CapturedMessage sample)
    {
        var headers = new Dictionary<string, object?>(sample.Properties.Headers!) { [DotNetCore.CAP.Messages.Headers.MessageId] = $"{++_lastId}" };
        return (new BasicProperties(sample.Properties) { Headers = headers, DeliveryMode = DeliveryModes.Persistent }, sample.BodyFor(Guid.CreateVersion7()));
    }

    /// <summary>
    /// Not async: CAP keeps the transaction in the caller's execution context. Where nothing is sent, the transaction is
    /// committed without CAP.
    /// </summary>
    private IDbContextTransaction Begin(IServiceProvider services, PeerDbContext db, ICapPublisher publisher)
    {
        if (Sends)
        {
            return db.Database.BeginTransaction(publisher, autoCommit: false);
        }

        var transaction = db.Database.BeginTransaction();
        var cap = ActivatorUtilities.CreateInstance<PostgreSqlCapTransaction>(services);
        (cap.DbTransaction, cap.AutoCommit, publisher.Transaction) = (transaction, false, cap);
        return transaction;
    }

    private static IHost Build(string database, Uri broker, bool tuned, Action<IServiceCollection> configure)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddDbContextPool<PeerDbContext>(options => options.UseNpgsql(database).AddInterceptors(PeerCommits.Instance));
        configure(builder.Services);
        builder.Services.AddCap(cap =>
        {
            cap.DefaultGroupName = Events;
            cap.UseEntityFramework<PeerDbContext>();
            cap.RegisterExtension(new CapRabbitMq(broker, tuned ? (ushort)100 : (ushort)1));
            if (tuned)
            {
                cap.EnablePublishParallelSend = true;
                cap.ConsumerThreadCount = 16;
                cap.FailedRetryInterval = 1;
            }
        });
        return builder.Build();
    }
}

/// <summary>One row of effect. CAP does not recognise duplicates: no inbox row.</summary>
internal sealed class CapSubscriber(PeerDbContext db, Gate gate) : ICapSubscribe
{
    [CapSubscribe(CapContestant.Topic)]
    public async Task ConsumeAsync(OrderPlaced placed)
    {
        await gate.PassAsync();
        db.Consuming.Add(placed.EventId);
        db.Effects.Add(new BenchEffect { EventId = placed.EventId, What = placed.CustomerId });
        await db.SaveChangesAsync();
    }
}
