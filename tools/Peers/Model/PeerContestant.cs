using System.Text;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;
using RabbitMQ.Client;
using Shop.Benchmarks.Model;

namespace Shop.Peers.Model;

/// <summary>A message as a peer has sent it.</summary>
internal sealed record CapturedMessage(IReadOnlyBasicProperties Properties, byte[] Body, Guid EventId)
{
    /// <summary>The same body with another event's id.</summary>
    public byte[] BodyFor(Guid id) => Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(Body).Replace($"{EventId}", $"{id}", StringComparison.Ordinal));
}

/// <summary>What the peers have in common: a host for the producer, and messages copied from one that it sent.</summary>
internal abstract class PeerContestant(string name, TestDatabase database, TestDatabase effects, TestVirtualHost broker) : Contestant(name)
{
    protected const string Events = "bench.events";

    private IHost? _producer;
    private CapturedMessage? _captured;
    private RawPublisher? _publisher;

    public override TestDatabase Database => database;

    public override TestDatabase Effects => effects;

    public override TestVirtualHost Broker => broker;

    public override string Queue => Events;

    protected IHost Producer => _producer ?? throw new InvalidOperationException($"{Name} has no producer.");

    protected bool Sends { get; private set; }

    public override async Task StartProducerAsync(bool sends)
    {
        Sends = sends;
        await DeclareAsync();
        _producer = BuildProducer();
        await CreateTablesAsync(_producer);
        await StartAsync(_producer);
    }

    public override async Task StopProducerAsync()
    {
        await StopAsync(_producer);
        _producer = null;
    }

    public override async Task FillQueueAsync(int count, CancellationToken ct)
    {
        var sample = _captured ?? throw new InvalidOperationException("No message was captured.");
        _publisher ??= await RawPublisher.ConnectAsync(Broker.AmqpUri);
        await _publisher.PublishAsync("", Queue, () => Copy(sample), count, ct);
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await StopProducerAsync();
        if (_publisher is not null)
        {
            await _publisher.DisposeAsync();
        }

        await Broker.DisposeAsync();
        await Database.DisposeAsync();
        await Effects.DisposeAsync();
    }

    protected abstract IHost BuildProducer();

    /// <summary>Returns when the host's tables are there too.</summary>
    protected virtual Task StartAsync(IHost host) => host.StartAsync();

    /// <summary>A copy with an id of its own.</summary>
    protected abstract (BasicProperties Properties, byte[] Body) Copy(CapturedMessage sample);

    /// <summary>The queue, where the peer does not declare it itself.</summary>
    protected virtual Task DeclareAsync() => Task.CompletedTask;

    /// <summary>With prepared statements, as Shop's services have.</summary>
    protected static string Prepared(TestDatabase database) =>
        new NpgsqlConnectionStringBuilder(database.ConnectionString) { MaxAutoPrepare = 100 }.ConnectionString;

    protected static async Task CreateTablesAsync(IHost host)
    {
        await using var scope = host.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<PeerDbContext>().Database.EnsureCreatedAsync();
    }

    protected static async Task SaveSilentAsync(IServiceProvider services, BenchOrder order, CancellationToken ct)
    {
        var db = services.GetRequiredService<PeerDbContext>();
        db.Orders.Add(order);
        await db.SaveChangesAsync(ct);
    }

    protected static async Task StopAsync(IHost? host)
    {
        if (host is not null)
        {
            await host.StopAsync();
            host.Dispose();
        }
    }

    /// <summary>Sends one event, and takes its message from the queue.</summary>
    protected async Task CaptureAsync()
    {
        await StartProducerAsync(sends: true);
        CommitClock.Restart();
        await SaveAsync(0, silent: false, CancellationToken.None);
        await ArrivedAsync(1, TimeSpan.FromMinutes(1), CancellationToken.None);
        await using var connection = await new ConnectionFactory { Uri = Broker.AmqpUri }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();
        var message = await channel.BasicGetAsync(Queue, autoAck: true)
            ?? throw new InvalidOperationException($"{Name} has sent an event, and no message is there.");
        _captured = new CapturedMessage(message.BasicProperties, message.Body.ToArray(), CommitClock.SentIds.Single());
        await StopProducerAsync();
    }
}
