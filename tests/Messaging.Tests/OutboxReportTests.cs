using Microsoft.Extensions.DependencyInjection;
using Shop.Messaging.Operations;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>An operator sees parked events, and can retry them immediately.</summary>
public class OutboxReportTests : MessagingTest
{
    private static readonly Dictionary<string, string?> s_longDelays = new()
    {
        ["Messaging:FirstRetryDelay"] = "01:00:00",
        ["Messaging:MaxRetryDelay"] = "01:00:00",
    };

    [Fact]
    public async Task Parked_streams_are_reported_with_their_error_and_can_be_retried()
    {
        var service = await ServiceAsync(settings: s_longDelays);
        var report = service.Services.GetRequiredService<IOutboxReport>();
        var (first, second) = (await service.OpenAsync(), await service.OpenAsync()); // no queue is bound for what they publish

        var parked = await Eventually.IsAsync("both are parked", () => report.ReadAsync(10, default),
            view => view.Streams.Count == 2 && view.Streams.All(stream => stream.Attempts > 0));
        Assert.Equal((0, 2), (parked.Waiting, parked.Parked));
        Assert.Equal(Relay == RelayKind.LogTailing, parked.LogBytes is not null);
        Assert.Equal(new HashSet<string> { first.Id.ToString(), second.Id.ToString() }, parked.Streams.Select(stream => stream.Stream).ToHashSet());
        Assert.All(parked.Streams, stream =>
        {
            Assert.Equal((TicketEvents.Opened, 1), (stream.Type, stream.Events));
            Assert.NotEmpty(stream.Error);
            Assert.InRange(stream.NextAttempt - stream.Since, TimeSpan.FromMinutes(50), TimeSpan.FromMinutes(70));
        });
        Assert.Single((await report.ReadAsync(1, default)).Streams);

        var probe = await ProbeAsync(TicketEvents.Opened);
        Assert.Equal(0, await report.RetryAsync("nobody", default));
        Assert.Equal(1, await report.RetryAsync(first.Id.ToString(), default));
        await probe.CountIsAsync(1);
        await Eventually.IsAsync("only the second is left", () => report.ReadAsync(10, default), // a moment after the broker has the first
            view => view.Streams is [var left] && left.Stream == second.Id.ToString());

        Assert.Equal(1, await report.RetryAsync(stream: null, default));
        await probe.CountIsAsync(2);
        await OutboxIsEmptyAsync();
        Assert.Equal((0, 0), ((await report.ReadAsync(10, default)).Waiting, (await report.ReadAsync(10, default)).Parked));
    }

    [Fact]
    public async Task Waiting_events_are_reported_with_their_age()
    {
        var service = await ServiceAsync(relay: false, settings: new Dictionary<string, string?> { ["Messaging:Relay"] = nameof(RelayKind.Polling) });
        var before = TimeProvider.System.GetUtcNow();
        await service.OpenAsync();

        var view = await service.Services.GetRequiredService<IOutboxReport>().ReadAsync(10, default);

        Assert.Equal((1, 0), (view.Waiting, view.Parked));
        Assert.InRange(view.Oldest!.Value, before.AddSeconds(-1), TimeProvider.System.GetUtcNow());
    }
}

/// <summary>What cannot be sent from the log is parked too.</summary>
public sealed class LogTailingOutboxReportTests : OutboxReportTests
{
    internal override RelayKind Relay => RelayKind.LogTailing;
}
