using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using RabbitMQ.Client;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging.Consuming;
using Shop.Messaging.Consuming.Batches;
using Shop.Messaging.Tests.Harness;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Tests;

/// <summary>M6a, section 8: a stalled queue is reported, and a delivery that could not be read is not acknowledged with the others.</summary>
public sealed class ConsumerProgressTests : HostileTest
{
    [Theory]
    [InlineData(ConsumerKind.OneByOne)]
    [InlineData(ConsumerKind.Batch)]
    public async Task A_stalled_consumer_makes_the_service_unhealthy_until_it_resumes(ConsumerKind kind)
    {
        var goOn = new TaskCompletionSource();
        var service = await BothAsync(settings: new()
        {
            ["Messaging:StalledAfter"] = "00:00:01.5",
            ["Messaging:Prefetch"] = "1",
            ["Messaging:ConsumeBatchSize"] = "1",
        }, waits: _ => goOn.Task);

        Assert.Equal(HealthStatus.Healthy, (await HealthAsync(service)).Status);
        for (var i = 0; i < 5; i++)
        {
            await SendAsync(kind, Bytes(Envelope("tea")));
        }

        try
        {
            var stalled = await Eventually.IsAsync("it is unhealthy", () => HealthAsync(service), health => health.Status == HealthStatus.Unhealthy);
            Assert.Contains(QueueOf(kind) + " has ", stalled.Description, StringComparison.Ordinal);
        }
        finally
        {
            goOn.SetResult(); // a service does not stop before its consumers are done
        }

        await HandledAsync(service, "tea", 5);
        await Eventually.HoldsAsync("it is healthy again", async () => (await HealthAsync(service)).Status == HealthStatus.Healthy);
    }

    [Fact]
    public async Task A_retry_queue_that_nothing_leaves_makes_the_service_degraded_until_it_is_empty()
    {
        var service = await BothAsync(settings: new() { ["Messaging:StalledAfter"] = "00:00:01.5" });
        await SendToAsync("ordering.retry-1", Bytes(Envelope("tea"))); // without a delay it never expires, as in a broker whose dead-lettering has stopped

        var stalled = await Eventually.IsAsync("it is degraded", () => HealthAsync(service), health => health.Status == HealthStatus.Degraded);
        Assert.StartsWith("ordering.retry-1 has 1 messages", stalled.Description, StringComparison.Ordinal);

        await Broker.PurgeAsync("ordering.retry-1");
        await Eventually.HoldsAsync("it is healthy again", async () => (await HealthAsync(service)).Status == HealthStatus.Healthy);
    }

    [Fact]
    public async Task An_unresponsive_broker_stops_neither_the_watch_nor_the_service()
    {
        await using var wire = FaultyWire.ToBroker(Broker.AmqpUri);
        var goOn = new TaskCompletionSource();
        var service = await BothAsync(settings: new()
        {
            ["ConnectionStrings:rabbitmq"] = wire.Over(Broker.UriOf("ordering")).AbsoluteUri,
            ["Messaging:StalledAfter"] = "00:00:01.5",
            ["Messaging:ConfirmTimeout"] = "00:00:01",
            ["Messaging:Prefetch"] = "1",
        }, waits: _ => goOn.Task);
        var watch = service.Services.GetRequiredService<ConsumerProgress>();
        await SendAsync(ConsumerKind.OneByOne, Bytes(Envelope("tea")));
        await SendAsync(ConsumerKind.OneByOne, Bytes(Envelope("tea")));
        try
        {
            await Eventually.HoldsAsync("it is unhealthy", async () => (await HealthAsync(service)).Status == HealthStatus.Unhealthy);

            var connections = wire.Connections;
            wire.HoldAnswers();
            await Eventually.HoldsAsync("the watch gave up and connects again", () => wire.Connections > connections || watch.ExecuteTask!.IsCompleted);
            Assert.False(watch.ExecuteTask!.IsCompleted, "the watch goes on");
            Assert.False(service.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.IsCancellationRequested, "so does the service");
        }
        finally
        {
            wire.Restore();
            goOn.SetResult(); // a service does not stop before its consumers are done
        }

        await HandledAsync(service, "tea", 2);
        await Eventually.HoldsAsync("it is healthy again", async () => (await HealthAsync(service)).Status == HealthStatus.Healthy);
    }

    [Fact]
    public async Task A_delivery_that_cannot_be_read_ends_the_session_and_loses_no_message()
    {
        await BothAsync(start: false);
        await SendAsync(ConsumerKind.Batch, Bytes(Envelope("first")));
        await SendAsync(ConsumerKind.Batch, Bytes(Envelope("second")));
        var factory = new ConnectionFactory { Uri = Broker.AmqpUri };
        await using (var session = await BatchSession.OpenAsync(factory, BatchTest.Queue, 10, message => message.DeliveryTag == 1
            ? throw new InvalidOperationException("an error of this reader")
            : Delivery.Read(message, [typeof(StockReplenished)], new MessageReader(ShopEvents.Catalog)), CancellationToken.None))
        {
            var received = session.ReceiveAsync(10, CancellationToken.None);
            await Eventually.HoldsAsync("the session has ended", () => received.IsCompleted);
            var lost = await Assert.ThrowsAnyAsync<Exception>(() => received);
            Assert.Contains("an error of this reader", lost.ToString(), StringComparison.Ordinal);
        }

        await Eventually.HoldsAsync("both are still there", async () => await Broker.CountReadyAsync(BatchTest.Queue) == 2);
    }

    private static async Task<HealthReportEntry> HealthAsync(TestService service) =>
        (await service.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(check => check.Name == "consumers")).Entries["consumers"];
}
