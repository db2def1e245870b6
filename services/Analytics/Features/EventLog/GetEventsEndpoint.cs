using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Analytics.Persistence;
using Shop.Contracts;
using Shop.Messaging;
using Shop.ServiceDefaults.Http;

namespace Shop.Analytics.Features.EventLog;

/// <summary>One event of the log; <c>body</c> is the event as its publisher wrote it.</summary>
public sealed record LoggedEventResponse(
    Guid EventId,
    DateTimeOffset OccurredAt,
    string Type,
    string AggregateId,
    int AggregateVersion,
    JsonElement Body,
    DateTimeOffset ReceivedAt,
    string? TraceId);

internal static class GetEventsEndpoint
{
    public static void MapGetEvents(this IEndpointRouteBuilder routes) => routes.MapGet("/analytics/events", GetEvents)
        .RequireAuthorization(Auth.Staff)
        .WithSummary("The event log, newest first: all of it, or one aggregate's (an order, a sku, a customer), one type's, one trace's, or one event.");

    private static async Task<Results<Ok<Page<LoggedEventResponse>>, ProblemHttpResult>> GetEvents(
        AnalyticsDbContext db,
        CancellationToken ct,
        string? aggregateId = null,
        string? type = null,
        Guid? eventId = null,
        string? traceId = null,
        string? cursor = null,
        [Range(1, Paging.MaxLimit)] int limit = Paging.DefaultLimit)
    {
        var events = db.EventLog.AsNoTracking();
        if (!string.IsNullOrEmpty(type))
        {
            if (ShopEvents.Catalog.TypeOf(type) is null)
            {
                return Problem.Of(StatusCodes.Status400BadRequest, "unknown-event-type",
                    $"'{type}' is not an event type. Known types: {string.Join(", ", ShopEvents.Catalog.Names)}.");
            }

            events = events.Where(e => e.Type == type);
        }

        if (!string.IsNullOrEmpty(aggregateId))
        {
            events = events.Where(e => e.AggregateId == aggregateId);
        }

        if (eventId is { } id)
        {
            events = events.Where(e => e.EventId == id);
        }

        if (!string.IsNullOrEmpty(traceId))
        {
            if (!Guid.TryParseExact(traceId, "N", out var trace))
            {
                return Problem.Of(StatusCodes.Status400BadRequest, "bad-trace-id", $"'{traceId}' is not a W3C trace id, which is 32 hexadecimal digits.");
            }

            events = events.Where(e => e.TraceId == trace);
        }

        if (Paging.FromCursor(cursor) is { } after)
        {
            var (at, last) = ReadCursor(after);
            events = events.Where(e => EF.Functions.LessThan(ValueTuple.Create(e.OccurredAt, e.EventId), ValueTuple.Create(at, last)));
        }

        var rows = await events.OrderByDescending(e => e.OccurredAt).ThenByDescending(e => e.EventId).Take(limit + 1).ToListAsync(ct);
        var page = Paging.ToPage(rows, limit, e => string.Create(CultureInfo.InvariantCulture, $"{e.OccurredAt.UtcTicks} {e.EventId}"));
        return TypedResults.Ok(new Page<LoggedEventResponse>([.. page.Items.Select(ToResponse)], page.NextCursor));
    }

    private static (DateTimeOffset At, Guid Id) ReadCursor(string key) =>
        key.Split(' ') is [var ticks, var eventId]
        && long.TryParse(ticks, NumberStyles.None, CultureInfo.InvariantCulture, out var at) && at <= DateTimeOffset.MaxValue.UtcTicks
        && Guid.TryParse(eventId, out var id)
            ? (new DateTimeOffset(at, TimeSpan.Zero), id)
            : throw new BadCursorException();

    private static LoggedEventResponse ToResponse(LoggedEvent e) =>
        new(e.EventId, e.OccurredAt, e.Type, e.AggregateId, e.AggregateVersion, e.Body, e.ReceivedAt, e.TraceId?.ToString("N"));
}
