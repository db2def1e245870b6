using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shop.Messaging.UnitOfWork;

namespace Shop.Messaging.Consuming.Batches;

/// <summary>Takes events into the inbox and runs their consumer, all in one transaction.</summary>
internal sealed class BatchInbox<TConsumer, TEvent>(string queue, IServiceScopeFactory scopes, TimeProvider clock)
    where TConsumer : class, IBatchConsumer<TEvent>
    where TEvent : class, IIntegrationEvent
{
    // In the order of ids: of two transactions that take the same events, one waits for the other, and never each for the other.
    private const string Take = """
        INSERT INTO inbox (event_id, consumer, processed_at) SELECT id, $2, $3 FROM unnest($1) AS id ORDER BY id
        ON CONFLICT DO NOTHING RETURNING event_id
        """;

    /// <summary>Returns after the commit, and how many of the deliveries were no repeats. Where it throws, nothing happened.</summary>
    public async Task<int> ConsumeAsync(IReadOnlyList<Delivery> deliveries, BatchSpan span, CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<DbContext>();
        var causes = ActivatorUtilities.CreateInstance<BatchCauses>(scope.ServiceProvider, db, span);
        db.Database.AutoSavepointsEnabled = false; // nobody goes back to one: what fails starts again
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var taken = await TakeAsync(db, deliveries, ct);

        // Each id is taken once, so that a duplicate within the batch finds its id gone.
        List<ReceivedEvent<TEvent>> events = [];
        foreach (var delivery in deliveries)
        {
            if (taken.Remove(delivery.EventId))
            {
                events.Add(new ReceivedEvent<TEvent>(
                    (TEvent)delivery.Event!, delivery.EventBody, effects => causes.RunAsync(delivery, effects, ct)));
            }
            else
            {
                span.Absorb(delivery);
            }
        }

        if (events.Count > 0)
        {
            await scope.ServiceProvider.GetRequiredService<TConsumer>().ConsumeAsync(events, ct);
            await scope.ServiceProvider.GetRequiredService<CommitProtocol>().SaveAndCommitAsync(db, transaction, ct);
        }

        return events.Count;
    }

    private async Task<HashSet<Guid>> TakeAsync(DbContext db, IReadOnlyList<Delivery> deliveries, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(Take, (NpgsqlConnection)db.Database.GetDbConnection())
        {
            Parameters =
            {
                new NpgsqlParameter<Guid[]> { TypedValue = [.. deliveries.Select(delivery => delivery.EventId).Distinct()] },
                new NpgsqlParameter<string> { TypedValue = queue },
                new NpgsqlParameter<DateTimeOffset> { TypedValue = clock.GetUtcNow() },
            },
        };
        HashSet<Guid> taken = new(deliveries.Count);
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            taken.Add(reader.GetGuid(0));
        }

        return taken;
    }
}
