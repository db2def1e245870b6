using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging.Consuming.Batches;

namespace Shop.Messaging.Tests.Harness;

/// <summary>Does what has no natural key, once per event; fails on request.</summary>
internal sealed class BatchedEffectConsumer(TicketDbContext db, BatchScript script) : IBulkConsumer<StockReplenished>
{
    public async Task ConsumeAsync(IReadOnlyList<ReceivedEvent<StockReplenished>> events, CancellationToken ct)
    {
        script.Activity = Activity.Current;
        db.Effects.AddRange(events.Select(received => new Effect { What = received.Event.Sku }));
        await script.Act(events, db);
        await db.SaveChangesAsync(ct);
        await script.Saved(db);
        script.Add([.. events.Select(received => received.Event.Sku)]);
    }
}

/// <summary>What the batch consumer should do in addition, and what it did.</summary>
internal sealed class BatchScript
{
    private readonly List<IReadOnlyList<string>> _batches = [];

    /// <summary>Before the work is saved.</summary>
    public Func<IReadOnlyList<ReceivedEvent<StockReplenished>>, TicketDbContext, Task> Act { get; set; } = (_, _) => Task.CompletedTask;

    /// <summary>After it.</summary>
    public Func<TicketDbContext, Task> Saved { get; set; } = _ => Task.CompletedTask;

    public Activity? Activity { get; set; }

    /// <summary>The completed batches, in order.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Batches
    {
        get
        {
            lock (_batches)
            {
                return [.. _batches];
            }
        }
    }

    public void Add(IReadOnlyList<string> batch)
    {
        lock (_batches)
        {
            _batches.Add(batch);
        }
    }
}
