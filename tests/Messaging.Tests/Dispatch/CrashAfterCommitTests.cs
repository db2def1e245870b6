using Microsoft.Extensions.DependencyInjection;
using Shop.Messaging.DomainEvents;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests.Dispatch;

/// <summary>What a crash between the commit and the after-commit handlers costs, and what it does not.</summary>
public sealed class CrashAfterCommitTests : MessagingTest
{
    [Fact]
    public async Task A_crash_after_the_commit_loses_the_after_commit_handlers_and_not_the_integration_event()
    {
        var (reached, calls) = (new TaskCompletionSource(), 0);
        var probe = await ProbeAsync(TicketEvents.Opened);
        var crashed = await ServiceAsync(relay: false, services: services => services
            .AddScoped<ICommittedEventHandler<TicketOpened>>(_ => new After(() =>
            {
                reached.SetResult();
                return Task.Delay(Timeout.Infinite); // here the process ends
            }))
            .AddScoped<ICommittedEventHandler<TicketOpened>>(_ => Counting()));
        _ = crashed.OpenAsync();
        await reached.Task.WaitAsync(TimeSpan.FromMinutes(1));
        await crashed.DisposeAsync();

        var restarted = await ServiceAsync(migrate: false, services: services =>
            services.AddScoped<ICommittedEventHandler<TicketOpened>>(_ => Counting()));

        await probe.CountIsAsync(1); // it was in the outbox
        Assert.Equal(0, calls);
        await restarted.OpenAsync();
        Assert.Equal(1, calls); // the control: only the first ticket's handler is lost

        After Counting() => new(() =>
        {
            calls++;
            return Task.CompletedTask;
        });
    }

    private sealed class After(Func<Task> act) : ICommittedEventHandler<TicketOpened>
    {
        public Task HandleAsync(TicketOpened domainEvent, CancellationToken ct) => act();
    }
}
