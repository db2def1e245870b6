using System.Text.Json;
using MassTransit;
using Shop.Analytics.Features.Funnel;
using Shop.Analytics.Features.SalesPerDay;
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
        db.EventLog.Add(LoggedEvent.Of(@event, BodyAsSent(context), clock.GetUtcNow()));
        await db.SaveChangesAsync(ct);
        if (OrderJourneys.Of(@event) is { } step)
        {
            await db.ApplyAsync(step, ct);
        }

        // Last: all of a day's orders meet in one row, whose lock lives from here to the commit that follows at once.
        if (DailySales.Of(@event) is { } change)
        {
            await db.ApplyAsync(change, ct);
        }
    }

    private static JsonElement BodyAsSent(ConsumeContext context) =>
        JsonSerializer.Deserialize<SentEnvelope>(context.ReceiveContext.Body.GetBytes(), JsonSerializerOptions.Web)!.Message;

    private sealed record SentEnvelope(JsonElement Message);
}
