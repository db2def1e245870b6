using System.Text.Json;
using System.Text.Json.Nodes;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Shop.Contracts;
using Shop.Messaging.Consuming.Batches;
using Shop.Messaging.Outbox;
using Shop.Messaging.Tests.Harness;
using V1 = Shop.Contracts.Ordering.V1;
using V2 = Shop.Contracts.Ordering.V2;

namespace Shop.Messaging.Tests;

/// <summary>
/// The version before and this one side by side, each with the packages it was compiled against, under load: no dead letter, and one
/// effect of each event.
/// </summary>
public sealed class RollingUpgradeTests(ITestOutputHelper output) : MessagingTest
{
    private const string Queue = "inventory.placed";
    private const string Old = "ordering.order-placed.v1";
    private const string New = "ordering.order-placed.v2";
    private const int Some = 100;

    private TestDatabase _consumers = null!;

    [Fact]
    public async Task Consumers_first_then_the_publisher()
    {
        await using var setUp = await SetUpAsync();
        await using var oldConsumer = await PreviousVersion.StartAsync("consume", _consumers, Broker.UriOf("inventory"), "inventory");
        await using var oldPublisher = await PreviousVersion.StartAsync("publish", Database, Broker.UriOf("ordering"), "ordering");
        await EffectsAsync("previous", Some);

        await using var consumer = await StartConsumerAsync();
        await EffectsAsync("today", Some);
        await oldConsumer.StopAsync();

        await using var publisher = new TodaysPublisher(await ServiceAsync(migrate: false));
        await publisher.CountIsAsync(Some);
        var published = await oldPublisher.StopAsync();
        await EffectsAsync("web", Some);
        published += await publisher.StopAsync();

        await EachActedOnceAsync(published);
    }

    [Fact]
    public async Task The_publisher_first_then_the_consumers()
    {
        await using var setUp = await SetUpAsync(boundTo: Old);
        await using var others = await Probe.BindAsync(Broker, New); // a version without a queue would be parked
        await using var oldConsumer = await PreviousVersion.StartAsync("consume", _consumers, Broker.UriOf("inventory"), "inventory");
        await using var oldPublisher = await PreviousVersion.StartAsync("publish", Database, Broker.UriOf("ordering"), "ordering");
        await EffectsAsync("previous", Some);

        await using var publisher = new TodaysPublisher(await ServiceAsync(migrate: false));
        var published = await oldPublisher.StopAsync();
        await publisher.CountIsAsync(Some);

        await using var consumer = await StartConsumerAsync();
        await EffectsAsync("today", Some);
        await oldConsumer.StopAsync();
        await Broker.BindAsync(New, Queue);
        await EffectsAsync("web", Some);
        published += await publisher.StopAsync();

        await EachActedOnceAsync(published);
    }

    /// <summary>The negative control: the order of the steps prevents dead letters, and the inbox duplicates.</summary>
    [Fact]
    public async Task An_old_consumer_dead_letters_the_new_version()
    {
        await using var setUp = await SetUpAsync();
        await using var oldConsumer = await PreviousVersion.StartAsync("consume", _consumers, Broker.UriOf("inventory"), "inventory");
        await using var publisher = new TodaysPublisher(await ServiceAsync(migrate: false));

        await Eventually.HoldsAsync("the new version is a dead letter", async () => await Broker.CountReadyAsync(Queue + ".dead") > 0);
    }

    [Fact]
    public async Task Messages_of_the_previous_version_are_processed_by_current_consumers()
    {
        var service = await ServiceAsync(consumers: bus => bus.AddConsumer<PlacedConsumer>().AddBatchConsumer<EverythingConsumer, IIntegrationEvent>());
        var recorded = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "recorded", "1.0.0.json")))!.AsArray();
        foreach (var message in recorded)
        {
            Assert.True(await Broker.PublishAsync((string)message!["exchange"]!, "", JsonSerializer.SerializeToUtf8Bytes(message["body"]), message["properties"]));
        }

        var placed = recorded.Count(message => (string)message!["exchange"]! == Old);
        await Eventually.HoldsAsync("all of them are processed", async () =>
            await Database.ScalarAsync<long>("SELECT count(*) FROM inbox") == recorded.Count + placed);
        await service.StopAsync();

        Assert.Equal(14, recorded.Select(message => (string)message!["exchange"]!).Distinct().Count()); // all of its events
        Assert.Equal(recorded.Count + placed, await Database.ScalarAsync<long>("SELECT count(*) FROM effects"));
        Assert.Equal(0, await Broker.CountReadyAsync("ordering.placed.dead") + await Broker.CountReadyAsync("ordering.everything.dead"));
    }

    /// <summary>Databases and topology as the newest definitions have them: they are there before any service.</summary>
    private async Task<IAsyncDisposable> SetUpAsync(params string[] boundTo)
    {
        _consumers = await TestServers.CreateDatabaseAsync("messaging");
        await ServiceAsync(start: false, relay: false);
        await using var consumer = CreateConsumer();
        await consumer.MigrateAsync();
        await Broker.LoadAsync(consumer.Definitions);
        foreach (var name in ((string[])[Old, New]).Except(boundTo is [] ? [Old, New] : boundTo))
        {
            await Broker.UnbindAsync(name, Queue);
        }

        return _consumers;
    }

    private async Task<ServiceUnderTest<TicketDbContext>> StartConsumerAsync()
    {
        var consumer = CreateConsumer();
        await consumer.StartAsync();
        return consumer;
    }

    private ServiceUnderTest<TicketDbContext> CreateConsumer() => ServiceUnderTest<TicketDbContext>.Create(
        _consumers.ConnectionString, Broker.UriOf("inventory"), TicketEvents.From, bus => bus.AddConsumer<PlacedConsumer>(), _ => { },
        new Dictionary<string, string?> { ["Messaging:Service"] = "inventory" });

    private Task EffectsAsync(string of, int count) => Eventually.HoldsAsync($"{count} events had an effect of {of}", async () =>
        await _consumers.ScalarAsync<long>($"SELECT count(*) FROM effects WHERE what LIKE '% {of}%'") >= count);

    private async Task EachActedOnceAsync(int published)
    {
        await OutboxIsEmptyAsync();
        await Eventually.HoldsAsync("every event is consumed", async () =>
            await _consumers.ScalarAsync<long>("SELECT count(*) FROM inbox") == published);
        await Eventually.HoldsAsync("nothing waits", async () => await Broker.CountReadyAsync(Queue) == 0);

        Assert.Equal(published, await _consumers.ScalarAsync<long>("SELECT count(*) FROM effects"));
        Assert.Equal(published, await _consumers.ScalarAsync<long>("SELECT count(DISTINCT split_part(what, ' ', 1)) FROM effects"));
        Assert.Equal(0, await Broker.CountReadyAsync(Queue + ".dead"));
        Assert.Equal(published, await _consumers.ScalarAsync<long>("SELECT count(*) FROM effects WHERE what LIKE '% 8.00 EUR %'"));
        output.WriteLine($"{published} events, each with one effect, no dead letter");
    }

    /// <summary>Places orders endlessly, as the current Ordering publishes them.</summary>
    private sealed class TodaysPublisher : IAsyncDisposable
    {
        private readonly TestService _service;
        private readonly CancellationTokenSource _stop = new();
        private readonly Task _work;
        private int _published;

        public TodaysPublisher(TestService service)
        {
            _service = service;
            _work = PublishAsync();
        }

        public Task CountIsAsync(int count) => Eventually.HoldsAsync($"{count} are published", () => _published >= count || _work.IsFaulted);

        public async Task<int> StopAsync()
        {
            await _stop.CancelAsync();
            await _work;
            return _published;
        }

        public async ValueTask DisposeAsync()
        {
            await StopAsync();
            _stop.Dispose();
        }

        private async Task PublishAsync()
        {
            while (!_stop.IsCancellationRequested)
            {
                await using var scope = _service.Services.CreateAsyncScope();
                var db = scope.ServiceProvider.GetRequiredService<TicketDbContext>();
                var now = TimeProvider.System.GetUtcNow();
                scope.ServiceProvider.GetRequiredService<OutboxAppender>().Append(db, new V2.OrderPlaced(Guid.CreateVersion7(now), now,
                    Guid.CreateVersion7(now), 1, "ada", [new("TEA-1", 2, new Money(4.25m, "EUR"))], new Money(0.50m, "EUR"), new Money(8.00m, "EUR"), "web"));
                await db.SaveChangesAsync();
                _published++;
                await Task.Delay(TimeSpan.FromMilliseconds(3), _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    [AlsoSubscribesTo(typeof(V1.OrderPlaced))]
    private sealed class PlacedConsumer(TicketDbContext db) : IConsumer<V2.OrderPlaced>
    {
        public Task Consume(ConsumeContext<V2.OrderPlaced> context)
        {
            var placed = context.Message;
            db.Effects.Add(new Effect
            {
                What = string.Create(System.Globalization.CultureInfo.InvariantCulture,
                    $"{placed.EventId} {placed.Total.Amount} {placed.Total.Currency} today {placed.Channel}"),
            });
            return Task.CompletedTask;
        }
    }

    private sealed class EverythingConsumer(TicketDbContext db) : IBatchConsumer<IIntegrationEvent>
    {
        public Task ConsumeAsync(IIntegrationEvent @event, CancellationToken ct)
        {
            db.Effects.Add(new Effect { What = @event.EventId.ToString() });
            return Task.CompletedTask;
        }
    }
}
