using MassTransit;
using MassTransit.RabbitMqTransport;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Shop.Benchmarks.Model;
using Shop.Contracts;
using Shop.Contracts.Ordering.V1;
using Shop.Messaging.Consuming;
using Shop.Messaging.Consuming.MassTransit;
using Shop.Messaging.Inbox;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Wire;

namespace Shop.Benchmarks.Naive;

/// <summary>
/// The inbox of the usual kind around the same effect, four transactions a message: note the receipt; lock it, act, note the
/// consumption; look for outgoing messages; note their delivery.
/// </summary>
internal sealed class NaiveConsumer(NaiveDbContext db, Gate gate, NaiveProgress progress) : IConsumer<OrderPlaced>
{
    public const string Queue = "inventory.naive";
    private static readonly DateTimeOffset s_received = new(1, 1, 2, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset s_consumed = new(2, 1, 2, 0, 0, 0, TimeSpan.Zero);

    public async Task Consume(ConsumeContext<OrderPlaced> context)
    {
        await gate.PassAsync();
        var (eventId, ct) = (context.MessageId!.Value, context.CancellationToken);
        if (!await db.Inbox.AnyAsync(row => row.EventId == eventId && row.Consumer == Queue, ct))
        {
            db.Inbox.Add(new NaiveInbox { EventId = eventId, Consumer = Queue, ProcessedAt = s_received });
            await db.SaveChangesAsync(ct);
        }

        db.ChangeTracker.Clear();
        await using (var acting = await db.Database.BeginTransactionAsync(ct))
        {
            var row = await LockAsync(eventId, ct);
            db.Effects.Add(new BenchEffect { EventId = eventId, What = context.Message.CustomerId });
            row.ProcessedAt = s_consumed;
            await db.SaveChangesAsync(ct);
            await acting.CommitAsync(ct);
            CommitClock.Committed(eventId);
        }

        await using (var delivering = await db.Database.BeginTransactionAsync(ct))
        {
            await db.Outbox.Where(row => row.EventId == eventId).OrderBy(row => row.Seq).Take(1).ToListAsync(ct);
            await delivering.CommitAsync(ct);
        }

        await using (var finishing = await db.Database.BeginTransactionAsync(ct))
        {
            (await LockAsync(eventId, ct)).ProcessedAt = context.Message.OccurredAt;
            await db.SaveChangesAsync(ct);
            await finishing.CommitAsync(ct);
        }

        progress.Consumed();
    }

    private async Task<NaiveInbox> LockAsync(Guid eventId, CancellationToken ct) => (await db.Inbox.FromSql(
        $"SELECT event_id, consumer, processed_at FROM inbox WHERE event_id = {eventId} AND consumer = {Queue} FOR UPDATE").ToListAsync(ct))[0];
}

/// <summary>Completes when as many were consumed as wanted.</summary>
internal sealed class NaiveProgress
{
    private TaskCompletionSource _done = new();
    private int _left;

    public void Expect(int count) => (_left, _done) = (count, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));

    public void Consumed()
    {
        if (Interlocked.Decrement(ref _left) == 0)
        {
            _done.TrySetResult();
        }
    }

    public Task DoneAsync(CancellationToken ct) => _done.Task.WaitAsync(TimeSpan.FromMinutes(10), ct);
}

/// <summary>A bus of MassTransit's own with the naive consumer on it, over the same transport, queue type and prefetch as the real one.</summary>
internal sealed class NaiveService : IAsyncDisposable
{
    private readonly IHost _host;

    private NaiveService(IHost host) => _host = host;

    public NaiveProgress Progress => _host.Services.GetRequiredService<NaiveProgress>();

    public static async Task<NaiveService> StartAsync(string database, TestVirtualHost broker, Gate gate, ushort prefetch)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddDbContext<NaiveDbContext>(options => options.UseNpgsql(database));
        builder.Services.AddSingleton(gate).AddSingleton<NaiveProgress>();
        builder.Services.Configure<MassTransitHostOptions>(host => host.WaitUntilStarted = true); // its queue is bound next
        builder.Services.AddMassTransit(bus =>
        {
            bus.AddConsumer<NaiveConsumer>();
            bus.UsingRabbitMq((context, rabbit) =>
            {
                rabbit.Host(broker.AmqpUri);
                rabbit.ClearSerialization();
                var wire = new WireDeserializer();
                rabbit.AddSerializer(wire);
                rabbit.AddDeserializer(wire, isDefault: true);
                rabbit.ReceiveEndpoint(NaiveConsumer.Queue, endpoint =>
                {
                    endpoint.ConfigureConsumeTopology = false;
                    endpoint.PrefetchCount = prefetch;
                    foreach (var (name, value) in BrokerTopology.DeadLetterArguments())
                    {
                        endpoint.SetQueueArgument(name, value!);
                    }

                    endpoint.ConfigureReceive(receive => receive.UseFilter(new Reads(new MessageReader(ShopEvents.Catalog))));
                    endpoint.ConfigureConsumer<NaiveConsumer>(context);
                });
            });
        });
        var service = new NaiveService(builder.Build());
        await service._host.StartAsync();
        return service;
    }

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
    }

    /// <summary>Reads messages as the shop does: the reading is the same for all.</summary>
    private sealed class Reads(MessageReader reader) : IFilter<ReceiveContext>
    {
        public Task Send(ReceiveContext context, IPipe<ReceiveContext> next)
        {
            var message = context.GetPayload<RabbitMqBasicConsumeContext>();
            var delivery = Delivery.Read(message.DeliveryTag, context.Redelivered, message.Properties, context.GetBody(), [typeof(OrderPlaced)], reader);
            context.AddOrUpdatePayload(() => delivery, _ => delivery);
            return next.Send(context);
        }

        public void Probe(ProbeContext context) => context.CreateFilterScope("read");
    }
}
