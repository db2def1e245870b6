using Microsoft.Extensions.DependencyInjection;
using Shop.Messaging.Outbox;
using Shop.Messaging.Relay;

namespace Shop.Benchmarks.Model;

/// <summary>A stored event, of which as many copies are stored or published as a round needs.</summary>
internal sealed class SampleEvent
{
    private readonly Stage _stage;
    private readonly OutboxRow _row;

    private SampleEvent(Stage stage, OutboxRow row) => (_stage, _row) = (stage, row);

    public static async Task<SampleEvent> CreateAsync(Stage stage, ServiceUnderTest<BenchDbContext> producer) =>
        new(stage, await stage.SampleAsync(producer));

    /// <summary>Stores copies, and wakes the relay as a commit does.</summary>
    public async Task StoreAsync(ServiceUnderTest<BenchDbContext> relaying, int count, Action onCommit, CancellationToken ct)
    {
        await _stage.FillAsync(_row, count, onCommit, ct);
        relaying.Services.GetRequiredService<OutboxSignal>().Set();
    }

    /// <summary>Publishes copies as the relay would, or straight to a queue.</summary>
    public Task PublishAsync(RawPublisher publisher, int count, CancellationToken ct, string? queue = null) =>
        publisher.PublishAsync(_row, count, ct, queue);
}
