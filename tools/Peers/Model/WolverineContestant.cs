using JasperFx.CodeGeneration;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;
using RabbitMQ.Client;
using Shop.Benchmarks.Model;
using Shop.Contracts.Ordering.V1;
using Wolverine;
using Wolverine.EntityFrameworkCore;
using Wolverine.EntityFrameworkCore.Internals;
using Wolverine.Persistence;
using Wolverine.Postgresql;
using Wolverine.RabbitMQ;
using Wolverine.Runtime;
using Wolverine.Runtime.Serialization;
using Wolverine.Transports;

namespace Shop.Peers.Model;

/// <summary>Wolverine with its outbox and inbox on EF Core and PostgreSQL, and RabbitMQ; docs/peers.md describes its settings.</summary>
internal sealed class WolverineContestant : PeerContestant
{
    public const string Schema = "wolverine";

    private readonly bool _tuned;
    private readonly Action<RabbitMqListenerConfiguration> _listens;
    private IHost? _consumer;
    private IListeningAgent? _listener;

    private WolverineContestant(
        string name, bool tuned, Action<RabbitMqListenerConfiguration> listens, TestDatabase database, TestDatabase effects, TestVirtualHost broker)
        : base(name, database, effects, broker) => (_tuned, _listens) = (tuned, listens);

    public override string Outbox => $"{Schema}.wolverine_outgoing_envelopes";

    public override string Inbox => $"{Schema}.wolverine_incoming_envelopes";

    public static async Task<WolverineContestant> CreateAsync(string name = "Wolverine", bool tuned = true, Action<RabbitMqListenerConfiguration>? listens = null) =>
        new(name, tuned, listens ?? (tuned ? Tuned : AsItComes), await TestServers.CreateDatabaseAsync("wolverine"),
            await TestServers.CreateDatabaseAsync("wolverine"), await TestServers.CreateVirtualHostAsync("wolverine"));

    /// <summary>A listener's defaults, with the inbox.</summary>
    public static void AsItComes(RabbitMqListenerConfiguration listener) => listener.UseDurableInbox();

    /// <summary>As many at a time as Shop's consumers, from as large a prefetch.</summary>
    public static void Tuned(RabbitMqListenerConfiguration listener) =>
        listener.ProcessInline().ConsumerDispatchConcurrency(16).PreFetchCount(100);

    public override async Task SaveAsync(int number, bool silent, CancellationToken ct)
    {
        await using var scope = Producer.Services.CreateAsyncScope();
        var order = Order(number, silent: true);
        if (silent)
        {
            await SaveSilentAsync(scope.ServiceProvider, order, ct);
            return;
        }

        var placed = order.Placed(Guid.CreateVersion7());
        var outbox = scope.ServiceProvider.GetRequiredService<IDbContextOutbox<PeerDbContext>>();
        outbox.DbContext.Orders.Add(order);
        outbox.DbContext.Producing = placed.EventId;
        await outbox.PublishAsync(placed);
        if (Sends)
        {
            await outbox.SaveChangesAndFlushMessagesAsync(ct);
        }
        else
        {
            await outbox.DbContext.SaveChangesAsync(ct);
        }
    }

    /// <summary>The id is in the stored bytes too, so each row is made from an envelope of its own. Owner 0 means that any node may send it.</summary>
    public override async Task FillAsync(int count, Action onCommit, CancellationToken ct)
    {
        await using var scope = Producer.Services.CreateAsyncScope();
        var placed = Order(0, silent: true).Placed(Guid.CreateVersion7());
        var sample = scope.ServiceProvider.GetRequiredService<IMessageBus>().PreviewSubscriptions(placed).Single();
        await using var connection = new NpgsqlConnection(Database.ConnectionString);
        await connection.OpenAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await using (var rows = await connection.BeginBinaryImportAsync(
            $"COPY {Outbox} (id, owner_id, destination, body, attempts, message_type) FROM STDIN (FORMAT binary)", ct))
        {
            for (var number = 0; number < count; number++)
            {
                sample.Id = Guid.CreateVersion7();
                await rows.StartRowAsync(ct);
                await rows.WriteAsync(sample.Id, NpgsqlDbType.Uuid, ct);
                await rows.WriteAsync(0, NpgsqlDbType.Integer, ct);
                await rows.WriteAsync(sample.Destination!.ToString(), NpgsqlDbType.Varchar, ct);
                await rows.WriteAsync(EnvelopeSerializer.Serialize(sample), NpgsqlDbType.Bytea, ct);
                await rows.WriteAsync(0, NpgsqlDbType.Integer, ct);
                await rows.WriteAsync(sample.MessageType!, NpgsqlDbType.Varchar, ct);
            }

            await rows.CompleteAsync(ct);
        }

        onCommit();
        await transaction.CommitAsync(ct);
    }

    public override async Task StartConsumerAsync(ConsumerKind kind)
    {
        await CaptureAsync();
        _consumer = Build(Prepared(Effects), Broker.AmqpUri, _tuned, options =>
        {
            options.Policies.AutoApplyTransactions(IdempotencyStyle.Optimistic);
            if (kind == ConsumerKind.Batches)
            {
                options.Discovery.IncludeType(typeof(OrderPlacedBatchHandler));
                options.BatchMessagesOf<OrderPlaced>(batch => (batch.BatchSize, batch.TriggerTime) = (500, TimeSpan.FromMilliseconds(5)));
                options.ListenToRabbitQueue(Queue).UseDurableInbox(new BufferingLimits(10_000, 5_000)).PreFetchCount(1_000);
            }
            else
            {
                Consume(options, _listens);
            }
        });
        await CreateTablesAsync(_consumer);
        await _consumer.StartAsync();
        _listener = _consumer.Services.GetRequiredService<IWolverineRuntime>().Endpoints.FindListeningAgent(Queue)
            ?? throw new InvalidOperationException("Wolverine does not listen to its queue.");
    }

    public override async Task StopConsumerAsync()
    {
        await StopAsync(_consumer);
        _consumer = null;
    }

    /// <summary>A service process of its own, which consumes and can send.</summary>
    public static IHost Service(string database, Uri broker) => Build(database, broker, tuned: true, options =>
    {
        options.Policies.AutoApplyTransactions(IdempotencyStyle.Optimistic);
        Consume(options, Tuned);
    });

    /// <summary>A handler that waits would not hold Wolverine back: it stores in its inbox what it receives.</summary>
    public override async Task HoldConsumerAsync() => await _listener!.StopAndDrainAsync();

    public override async Task ReleaseConsumerAsync() => await _listener!.StartAsync();

    public override async ValueTask DisposeAsync()
    {
        await StopAsync(_consumer);
        await base.DisposeAsync();
    }

    protected override IHost BuildProducer() => Build(Prepared(Database), Broker.AmqpUri, _tuned, options =>
        options.PublishMessage<OrderPlaced>().ToRabbitQueue(Queue).UseDurableOutbox());

    private static void Consume(WolverineOptions options, Action<RabbitMqListenerConfiguration> listens)
    {
        options.Discovery.IncludeType(typeof(OrderPlacedHandler));
        listens(options.ListenToRabbitQueue(Events));
    }

    /// <summary>One host, as the documentation registers it.</summary>
    private static IHost Build(string database, Uri broker, bool tuned, Action<WolverineOptions> configure)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.UseWolverine(options =>
        {
            options.ApplicationAssembly = typeof(WolverineContestant).Assembly;
            options.Discovery.DisableConventionalDiscovery();
            options.CodeGeneration.TypeLoadMode = TypeLoadMode.Dynamic; // done by the time that anything is measured
            options.PersistMessagesWithPostgresql(database, Schema);
            AddContext(options.Services, database, tuned);
            options.UseEntityFrameworkCoreTransactions(TransactionMiddlewareMode.Lightweight);
            options.UseRabbitMq(broker).UseQuorumQueues().AutoProvision().ConfigureChannelCreation(channel =>
                (channel.PublisherConfirmationsEnabled, channel.PublisherConfirmationTrackingEnabled) = (true, true));
            if (tuned)
            {
                options.Durability.ScheduledJobPollingTime = TimeSpan.FromMilliseconds(250);
                options.Durability.RecoveryBatchSize = 5_000;
            }

            configure(options);
        });
        return builder.Build();
    }

    /// <summary>Tuned: what AddDbContextWithWolverineIntegration registers, but pooled, as Shop's contexts are.</summary>
    private static void AddContext(IServiceCollection services, string database, bool tuned)
    {
        void Use(DbContextOptionsBuilder context) => context.UseNpgsql(database).AddInterceptors(PeerCommits.Instance);
        if (tuned)
        {
            services.AddDbContextPool<PeerDbContext>(context =>
            {
                Use(context);
                context.ReplaceService<IModelCustomizer, WolverineModelCustomizer>();
                context.ReplaceService<IModelCacheKeyFactory, WolverineModelCacheKeyFactory>();
            });
        }
        else
        {
            services.AddDbContextWithWolverineIntegration<PeerDbContext>(Use, Schema);
        }
    }

    protected override (BasicProperties Properties, byte[] Body) Copy(CapturedMessage sample)
    {
        var id = Guid.CreateVersion7();
        return (new BasicProperties(sample.Properties) { MessageId = id.ToString(), DeliveryMode = DeliveryModes.Persistent }, sample.BodyFor(id));
    }
}

/// <summary>One row of effect. Public, because Wolverine's generated code calls it.</summary>
public static class OrderPlacedHandler
{
    public static void Handle(OrderPlaced placed, PeerDbContext db)
    {
        ArgumentNullException.ThrowIfNull(placed);
        ArgumentNullException.ThrowIfNull(db);
        db.Consuming.Add(placed.EventId);
        db.Effects.Add(new BenchEffect { EventId = placed.EventId, What = placed.CustomerId });
    }
}

/// <summary>The same for as many as Wolverine hands over at a time.</summary>
public static class OrderPlacedBatchHandler
{
    public static void Handle(OrderPlaced[] placed, PeerDbContext db)
    {
        ArgumentNullException.ThrowIfNull(placed);
        foreach (var one in placed)
        {
            OrderPlacedHandler.Handle(one, db);
        }
    }
}
