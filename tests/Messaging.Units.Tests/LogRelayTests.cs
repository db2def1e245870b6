using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using Shop.Messaging.LogTailing;
using Shop.Messaging.Outbox;
using Shop.Messaging.Relay;

namespace Shop.Messaging.Units.Tests;

/// <summary>The relay that reads the database's log, also where polling is configured.</summary>
public sealed class LogRelayTests
{
    [Fact]
    public async Task It_tries_an_unreachable_database_less_and_less_often()
    {
        var settings = new MessagingSettings
        {
            Service = "ordering",
            Database = "Host=127.0.0.1;Port=1;Username=nobody",
            Broker = new Uri("amqp://nowhere"),
        };
        var clock = new RecordingClock(waits: 7);
        using var status = new LogStatus();
        using var relay = new LogRelay(settings, new OutboxSignal(clock), status, delivery: null!, new RecentlyPublished(clock), clock, NullLogger<LogRelay>.Instance);

        await relay.StartAsync(TestContext.Current.CancellationToken);
        await clock.Reached;
        await relay.StopAsync(TestContext.Current.CancellationToken);

        Assert.Equal([0.25, 0.5, 1, 2, 4, 4, 4], clock.Waits.Take(7).Select(wait => wait.TotalSeconds));
    }

    /// <summary>Records how long is waited, and does not wait.</summary>
    private sealed class RecordingClock(int waits) : TimeProvider
    {
        private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public ConcurrentQueue<TimeSpan> Waits { get; } = [];

        public Task Reached => _reached.Task;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Waits.Enqueue(dueTime);
            if (Waits.Count >= waits)
            {
                _reached.TrySetResult();
            }

            return base.CreateTimer(callback, state, TimeSpan.Zero, period);
        }
    }
}
