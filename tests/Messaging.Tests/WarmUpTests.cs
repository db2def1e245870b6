using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging.Tests.Harness;
using Shop.ServiceDefaults.Hosting.WarmUp;

namespace Shop.Messaging.Tests;

/// <summary>A service rehearses before it is ready; nothing of it is kept, and nothing of it keeps the service from starting.</summary>
public sealed class WarmUpTests : MessagingTest
{
    private const string Queue = "ordering.effect";

    [Fact]
    public async Task What_is_rehearsed_runs_and_leaves_nothing()
    {
        var service = await RehearsingAsync(async (stage, ct) =>
        {
            await stage.ConsumeAsync(Event("tea"), ct);
            await stage.InTransactionAsync(async part =>
            {
                var db = part.Services.GetRequiredService<TicketDbContext>();
                db.Tickets.Add(Ticket.Open(TimeProvider.System.GetUtcNow()));
                await db.SaveChangesAsync(ct);
            }, ct);
        });

        Assert.StartsWith("Rehearsed in ", await ReadyAsync(service), StringComparison.Ordinal);

        Assert.Equal(1, service.Script.Attempts);
        Assert.Equal(0, await service.CountEffectsAsync("tea"));
        Assert.Equal(0, await service.WorkAsync(db => db.Tickets.CountAsync()));
        Assert.Equal(0, await service.WorkAsync(db => db.Set<ServiceDefaults.Messaging.Inbox.InboxMessage>().CountAsync()));
        Assert.Equal(0, await Database.ScalarAsync<long>("SELECT count(*) FROM outbox"));

        // The same event from the broker acts: only the rehearsal's scopes are marked.
        await PublishAsync(Event("tea"));
        await Eventually.HoldsAsync("the real event acts", async () => await service.CountEffectsAsync("tea") == 1);
    }

    [Fact]
    public async Task A_consumer_that_fails_in_rehearsal_makes_no_retry_and_no_dead_letter()
    {
        var service = await RehearsingAsync(
            (stage, ct) => stage.ConsumeAsync(Event("tea"), ct), script => script.Act = (_, _) => throw new InvalidOperationException("no"));

        Assert.StartsWith("Rehearsed in part ", await ReadyAsync(service), StringComparison.Ordinal);

        Assert.Equal(1, service.Script.Attempts);
        await Eventually.IsAsync("the broker's counts are there", Broker.QueuesAsync, queues => queues.Count > 2);
        foreach (var queue in (string[])[Queue, Queue + ".dead", "ordering.retry-in-50ms", "ordering.retry-in-200ms"])
        {
            Assert.Equal(0, await Broker.CountReadyAsync(queue));
        }
    }

    [Fact]
    public async Task Saving_without_a_transaction_is_refused_in_rehearsal()
    {
        Exception? refused = null;
        var service = await RehearsingAsync(async (stage, ct) =>
        {
            await using var scope = stage.Services.CreateAsyncScope();
            scope.ServiceProvider.GetRequiredService<RehearsalMark>().IsSet = true;
            var db = scope.ServiceProvider.GetRequiredService<TicketDbContext>();
            db.Tickets.Add(Ticket.Open(TimeProvider.System.GetUtcNow()));
            refused = await Record.ExceptionAsync(() => db.SaveChangesAsync(ct));
        });

        await ReadyAsync(service);

        Assert.IsType<InvalidOperationException>(refused);
        Assert.Equal(0, await service.WorkAsync(db => db.Tickets.CountAsync()));
    }

    [Fact]
    public async Task The_service_is_not_ready_before_its_rehearsal_is_over()
    {
        var over = new TaskCompletionSource();
        var service = await RehearsingAsync((_, ct) => over.Task.WaitAsync(ct), atMost: TimeSpan.FromMinutes(10));
        Assert.Equal(HealthStatus.Unhealthy, (await CheckAsync(service)).Status);

        over.SetResult();

        Assert.StartsWith("Rehearsed in ", await ReadyAsync(service), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_rehearsal_that_never_ends_keeps_the_service_waiting_only_so_long()
    {
        var service = await RehearsingAsync((_, _) => new TaskCompletionSource().Task, atMost: TimeSpan.FromMilliseconds(300));

        Assert.StartsWith("Rehearsed in part ", await ReadyAsync(service), StringComparison.Ordinal);
    }

    private static StockReplenished Event(string sku) =>
        new(Guid.CreateVersion7(), TimeProvider.System.GetUtcNow(), sku, 1, 1, 1);

    private async Task<TestService> RehearsingAsync(
        Func<Stage, CancellationToken, Task> play, Action<ConsumerScript>? script = null, TimeSpan? atMost = null)
    {
        var service = await ServiceAsync(consumes: true, start: false,
            services: services => services.AddSingleton<IRehearsal>(new Played(play)),
            settings: new Dictionary<string, string?> { ["WarmUp:AtMost"] = (atMost ?? TimeSpan.FromMinutes(1)).ToString() });
        script?.Invoke(service.Script);
        await service.StartAsync();
        return service;
    }

    private static async Task<string> ReadyAsync(TestService service) => (await Eventually.IsAsync("the service is ready",
        () => CheckAsync(service), check => check.Status == HealthStatus.Healthy, TimeSpan.FromMinutes(2))).Description!;

    private static async Task<HealthReportEntry> CheckAsync(TestService service) => (await service.Services
        .GetRequiredService<HealthCheckService>().CheckHealthAsync(check => check.Name == "warm-up")).Entries["warm-up"];

    private sealed class Played(Func<Stage, CancellationToken, Task> play) : IRehearsal
    {
        public Task PlayAsync(Stage stage, CancellationToken ct) => play(stage, ct);
    }
}
