using System.Text.Json;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Shop.Analytics.Features.Projections;
using Shop.Analytics.Persistence;
using Shop.Contracts;

namespace Shop.Analytics.Features.EventLog;

/// <summary>Appends every event of the shop to the log and to the projections, all in the inbox's transaction.</summary>
internal sealed class EventLogConsumer(AnalyticsDbContext db, TimeProvider clock) : IConsumer<IIntegrationEvent>
{
    public async Task Consume(ConsumeContext<IIntegrationEvent> context)
    {
        var ct = context.CancellationToken;
        var @event = context.Message;

        // Saved first: a repeat fails on its inbox row here, before it waits for anything.
        await db.SaveChangesAsync(ct);
        var logged = await LogAsync(@event, BodyAsSent(context), ct);

        // A repeat that comes after its inbox row is gone is known by the log.
        if (logged.IsNew)
        {
            await db.ApplyAsync(@event, logged.Building, ct: ct);
        }
    }

    /// <summary>
    /// Adds the event to the log and says which projections are being rebuilt; from here to the commit no rebuild starts or ends.
    /// </summary>
    private async Task<LogResult> LogAsync(IIntegrationEvent @event, string body, CancellationToken ct)
    {
        var rows = await db.Database.SqlQuery<LogResult>(
            $"""
            SELECT is_new AS "IsNew", building AS "Building" FROM log_event({@event.EventId}, {@event.OccurredAt.ToUniversalTime()},
                {EventCatalog.NameOf(@event.GetType())}, {@event.AggregateId}, {@event.AggregateVersion}, {body}::jsonb, {clock.GetUtcNow()})
            """).ToListAsync(ct);
        return rows[0];
    }

    private static string BodyAsSent(ConsumeContext context) =>
        JsonSerializer.Deserialize<SentEnvelope>(context.ReceiveContext.Body.GetBytes(), JsonSerializerOptions.Web)!.Message.GetRawText();

    private sealed record SentEnvelope(JsonElement Message);

    private sealed record LogResult(bool IsNew, string[] Building);
}
