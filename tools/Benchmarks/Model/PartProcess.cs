using System.Diagnostics;
using MassTransit;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using Shop.Benchmarks.Servers;
using Shop.Contracts;
using Shop.Contracts.Ordering.V1;
using Shop.Messaging;
using Shop.ServiceDefaults.Hosting;

namespace Shop.Benchmarks.Model;

/// <summary>
/// A service process of some of a service's parts. A request does what they can: answers; saves an order; also publishes an event, whose
/// consumer saves a row of effect.
/// </summary>
internal sealed class PartProcess : IAsyncDisposable
{
    public const string Word = "part";
    private const string Queue = "bench.parts";
    private readonly Process _process;

    private PartProcess(Process process) => _process = process;

    public static PartProcess Start(Part part, Uri address, string database, Uri broker, (string Name, string Value)? setting)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!,
            [Environment.GetCommandLineArgs()[0], Word, $"{part}", address.AbsoluteUri, database, broker.AbsoluteUri])
        {
            RedirectStandardInput = true, // its end ends the service, also when this process is killed
        };
        if (setting is { } set)
        {
            start.Environment[set.Name] = set.Value;
        }

        return new PartProcess(Process.Start(start)!);
    }

    /// <summary>Megabytes of memory by a line of smaps_rollup.</summary>
    public double Megabytes(string line) => ProcessMemory.Megabytes(_process.Id, line);

    /// <summary>In that process.</summary>
    public static async Task<int> RunAsync(Part part, Uri address, string database, Uri broker)
    {
        var builder = ServiceHost.CreateBuilder(["--urls", address.AbsoluteUri]);
        builder.Logging.ClearProviders();
        if (part != Part.AspNetCore)
        {
            builder.Services.AddDbContextPool<BenchDbContext>(options => options.UseNpgsql(database));
        }

        switch (part)
        {
            case Part.RabbitMqClient:
                builder.Services.AddSingleton(await RawBus.ConnectAsync(broker));
                break;
            case Part.MassTransit:
                builder.Services.AddMassTransit(bus =>
                {
                    bus.DisableUsageTelemetry();
                    bus.AddConsumer<PlainConsumer>();
                    bus.UsingRabbitMq((context, rabbit) =>
                    {
                        rabbit.Host(broker);
                        rabbit.ReceiveEndpoint(Queue, endpoint =>
                        {
                            endpoint.SetQuorumQueue();
                            endpoint.ConfigureConsumer<PlainConsumer>(context);
                        });
                    });
                });
                break;
            case Part.Messaging:
                AddMessaging(builder, database, broker);
                break;
        }

        await using var app = builder.Build();
        app.MapPost("/", context => WorkAsync(part, context));
        if (part == Part.RabbitMqClient)
        {
            await app.Services.GetRequiredService<RawBus>().ConsumeAsync(app.Services);
        }

        await app.StartAsync();
        await Console.In.ReadLineAsync();
        await app.StopAsync();
        return 0;
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private static void AddMessaging(WebApplicationBuilder builder, string database, Uri broker)
    {
        var gate = new Gate();
        gate.Open();
        builder.Services.AddSingleton(gate);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["ConnectionStrings:Database"] = database,
            ["ConnectionStrings:rabbitmq"] = broker.ToString(),
            ["Messaging:Service"] = "inventory",
        });
        builder.AddMessaging<BenchDbContext>(ShopEvents.Catalog, BenchDbContext.Events, messaging => messaging.AddConsumer<BenchConsumer>());
    }

    private static async Task WorkAsync(Part part, HttpContext context)
    {
        if (part == Part.AspNetCore)
        {
            return;
        }

        var order = BenchOrder.Place("alice", silent: part != Part.Messaging, TimeProvider.System.GetUtcNow());
        var db = context.RequestServices.GetRequiredService<BenchDbContext>();
        db.Orders.Add(order);
        await db.SaveChangesAsync();
        if (part == Part.RabbitMqClient)
        {
            await context.RequestServices.GetRequiredService<RawBus>().PublishAsync(order.Id);
        }
        else if (part == Part.MassTransit)
        {
#pragma warning disable RS0030 // MassTransit without an outbox is what is measured
            await context.RequestServices.GetRequiredService<IBus>().Publish(order.Placed(order.Id));
#pragma warning restore RS0030
        }
    }

    private static async Task SaveEffectAsync(IServiceProvider services, Guid id)
    {
        await using var scope = services.CreateAsyncScope();
        await SaveEffectAsync(scope.ServiceProvider.GetRequiredService<BenchDbContext>(), id);
    }

    private static async Task SaveEffectAsync(BenchDbContext db, Guid id)
    {
        db.Effects.Add(new BenchEffect { EventId = id, What = "alice" });
        await db.SaveChangesAsync();
    }

    private sealed class PlainConsumer(BenchDbContext db) : IConsumer<OrderPlaced>
    {
        public Task Consume(ConsumeContext<OrderPlaced> context) => SaveEffectAsync(db, context.Message.EventId);
    }

    /// <summary>The least that publishes with confirms and consumes.</summary>
    private sealed class RawBus(IConnection connection, IChannel channel) : IAsyncDisposable
    {
        public static async Task<RawBus> ConnectAsync(Uri broker)
        {
            var connection = await new ConnectionFactory { Uri = broker }.CreateConnectionAsync();
            var channel = await connection.CreateChannelAsync(
                new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
            await channel.QueueDeclareAsync(
                Queue, durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "quorum" });
            await channel.BasicQosAsync(0, 32, global: false);
            return new RawBus(connection, channel);
        }

        public Task PublishAsync(Guid id) =>
            channel.BasicPublishAsync("", Queue, mandatory: true, new BasicProperties { Persistent = true }, id.ToByteArray()).AsTask();

        public async Task ConsumeAsync(IServiceProvider services)
        {
            var consumer = new AsyncEventingBasicConsumer(channel);
            consumer.ReceivedAsync += async (_, message) =>
            {
                await SaveEffectAsync(services, new Guid(message.Body.Span));
                await channel.BasicAckAsync(message.DeliveryTag, multiple: false);
            };
            await channel.BasicConsumeAsync(Queue, autoAck: false, consumer);
        }

        public ValueTask DisposeAsync() => connection.DisposeAsync();
    }
}

/// <summary>What a process has, each with what the ones before it have; MassTransit brings RabbitMQ.Client.</summary>
internal enum Part
{
    AspNetCore,
    EfCore,
    RabbitMqClient,
    MassTransit,
    Messaging,
}
