using MassTransit;
using Shop.Contracts.Ordering.V1;
using Shop.Messaging.Consuming.Batches;

namespace Shop.Benchmarks.Model;

/// <summary>One row per event, as small as a consumer's work can be: what remains is the cost of consuming.</summary>
internal sealed class BenchConsumer(BenchDbContext db, Gate gate) : IConsumer<OrderPlaced>
{
    public const string Queue = "inventory.bench";

    public async Task Consume(ConsumeContext<OrderPlaced> context)
    {
        await gate.PassAsync();
        db.Consuming.Add(context.MessageId!.Value);
        db.Effects.Add(new BenchEffect { EventId = context.MessageId!.Value, What = context.Message.CustomerId });
    }
}

/// <summary>The same row per event, as many events in one transaction as wait.</summary>
internal sealed class BenchBatchConsumer(BenchDbContext db, Gate gate) : IBatchConsumer<OrderPlaced>
{
    public const string Queue = "inventory.bench-batch";

    public Task PrepareAsync(IReadOnlyList<OrderPlaced> events, CancellationToken ct) => gate.PassAsync();

    public Task ConsumeAsync(OrderPlaced placed, CancellationToken ct)
    {
        db.Consuming.Add(placed.EventId);
        db.Effects.Add(new BenchEffect { EventId = placed.EventId, What = placed.CustomerId });
        return Task.CompletedTask;
    }
}

/// <summary>Holds consumers back while the queue is filled, so that a round begins with the bus running and all of its messages there.</summary>
internal sealed class Gate
{
    private TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task PassAsync() => _open.Task;

    public void Open() => _open.TrySetResult();

    public void Close()
    {
        if (_open.Task.IsCompleted)
        {
            _open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }
}
