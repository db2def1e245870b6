using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shop.Contracts;
using Shop.Messaging;
using Shop.Messaging.Outbox;
using Shop.Messaging.Relay;

namespace Shop.Benchmarks.Model;

/// <summary>A database and a virtual host of a scenario's own, and the services of the real registration on them.</summary>
internal sealed class Stage : IAsyncDisposable
{
    public const string Exchange = "ordering.order-placed.v1";
    public const string Sink = "bench.sink";

    private readonly List<IAsyncDisposable> _ours = [];

    private readonly RelayKind _relay;

    private Stage(TestDatabase database, TestVirtualHost broker, RelayKind relay) => (Database, Broker, _relay) = (database, broker, relay);

    public TestDatabase Database { get; }

    public TestVirtualHost Broker { get; }

    public Gate Gate { get; } = new();

    public static async Task<Stage> CreateAsync(RelayKind relay = RelayKind.Polling) =>
        new(await TestServers.CreateDatabaseAsync("bench"), await TestServers.CreateVirtualHostAsync("bench"), relay);

    /// <summary>A service with the outbox; with its relay if wanted.</summary>
    public async Task<ServiceUnderTest<BenchDbContext>> ProducerAsync(bool relay, bool migrate = true)
    {
        var service = Service("ordering", relay, _ => { });
        if (migrate)
        {
            await service.MigrateAsync();
            await Broker.LoadAsync(service.Definitions);
        }

        await service.StartAsync();
        return service;
    }

    /// <summary>A service that consumes what the producer publishes, on the same database unless another is given.</summary>
    public async Task<ServiceUnderTest<BenchDbContext>> ConsumerAsync(TestDatabase database, Action<MessagingBuilder> consumers, bool migrateDatabase)
    {
        foreach (var exchange in ShopEvents.Catalog.Names)
        {
            await Broker.DeclareExchangeAsync(exchange);
        }

        var service = Service("inventory", relay: false, consumers, database);
        if (migrateDatabase)
        {
            await service.MigrateAsync();
        }

        await Broker.LoadAsync(service.Definitions);
        await service.StartAsync();
        return service;
    }

    /// <summary>A quorum queue, like the services', bound to the events and without a consumer.</summary>
    public async Task BindSinkAsync()
    {
        await Broker.DeclareQueueAsync(Sink);
        await Broker.BindAsync(Exchange, Sink);
    }

    /// <summary>One stored event as the appender writes it.</summary>
    public async Task<OutboxRow> SampleAsync(ServiceUnderTest<BenchDbContext> service)
    {
        await service.WorkAsync(async db =>
        {
            db.Orders.Add(BenchOrder.Place("alice", silent: false, TimeProvider.System.GetUtcNow()));
            await db.SaveChangesAsync();
        });
        await using var connection = new NpgsqlConnection(Database.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(
            "DELETE FROM outbox RETURNING seq, event_id, stream, partition, type, headers, body", connection);
        await using var reader = await command.ExecuteReaderAsync();
        await reader.ReadAsync();
        return new OutboxRow(reader.GetInt64(0), reader.GetGuid(1), reader.GetString(2), reader.GetInt16(3), reader.GetString(4),
            reader.GetString(5), reader.GetFieldValue<byte[]>(6));
    }

    /// <summary>Stores copies of an event, each with an id and a stream of its own; <paramref name="onCommit"/> comes just before the commit.</summary>
    public async Task FillAsync(OutboxRow sample, int count, Action onCommit, CancellationToken ct)
    {
        await using var connection = new NpgsqlConnection(Database.ConnectionString);
        await connection.OpenAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await using var command = new NpgsqlCommand(
            $"""
            INSERT INTO outbox (position, event_id, stream, partition, type, headers, body)
            SELECT 0, gen_random_uuid(), gen_random_uuid()::text, n % {OutboxMessage.Partitions}, $2, $3, $4 FROM generate_series(1, $1) AS n
            """, connection, transaction)
        {
            Parameters =
            {
                new NpgsqlParameter { Value = count },
                new NpgsqlParameter { Value = sample.Type },
                new NpgsqlParameter { Value = sample.Headers },
                new NpgsqlParameter { Value = sample.Body },
            },
            CommandTimeout = 600,
        };
        await command.ExecuteNonQueryAsync(ct);

        // Another commit flushes the log up to here: the measured time would begin with what filling has left to flush.
        await Database.ExecuteAsync("SELECT pg_logical_emit_message(true, 'flush', '')");
        onCommit();
        await transaction.CommitAsync(ct);
    }

    public T Own<T>(T ours)
        where T : IAsyncDisposable
    {
        _ours.Add(ours);
        return ours;
    }

    public async ValueTask DisposeAsync()
    {
        Gate.Open(); // a consumer that is held would hold up the end
        foreach (var ours in Enumerable.Reverse(_ours))
        {
            await ours.DisposeAsync();
        }

        await Broker.DisposeAsync();
        await Database.DisposeAsync();
    }

    private ServiceUnderTest<BenchDbContext> Service(
        string name, bool relay, Action<MessagingBuilder> consumers, TestDatabase? database = null) => Own(ServiceUnderTest<BenchDbContext>.Create(
            (database ?? Database).ConnectionString, Broker.AmqpUri, BenchDbContext.Events, consumers,
            services => services.AddSingleton(Gate).ConfigureDbContext<BenchDbContext>(options => options.AddInterceptors(CommitClock.Instance)),
            new Dictionary<string, string?>
            {
                ["Messaging:Service"] = name,
                ["Messaging:RelayEnabled"] = relay.ToString(),
                ["Messaging:Relay"] = database is null && _relay == RelayKind.LogTailing ? nameof(RelayKind.LogTailing) : null,
            }));
}
