using System.Globalization;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Security.Claims;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Shop.Ordering.Domain;
using Shop.Ordering.Persistence;
using Shop.ServiceDefaults.Http;
using Problem = Shop.ServiceDefaults.Http.Problem;

namespace Shop.Ordering.Features.OrderEvents;

/// <summary>A server-sent event of an order; its <c>id</c> is the version.</summary>
/// <param name="OrderId">The order.</param>
/// <param name="Version">The order's version.</param>
/// <param name="Status">placed, confirmed, rejected, cancelled or shipped. The last three end the stream.</param>
/// <param name="Reason">Why it was rejected or cancelled, as a stable code.</param>
/// <param name="At">Since when, UTC.</param>
public sealed record OrderEvent(
    Guid OrderId,
    int Version,
    string Status,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Reason,
    DateTimeOffset At);

internal static class OrderEventsEndpoint
{
    private const string Status = "status";
    private const string KeepAlive = "keep-alive";

    public static void MapOrderEvents(this IEndpointRouteBuilder routes) => routes.MapGet("/orders/{id:guid}/events", StreamEvents)
        .WithSummary("An order's status and its changes as server-sent events, until the status is final.")
        .Produces<OrderEvent>(StatusCodes.Status200OK, "text/event-stream")
        .Produces(StatusCodes.Status204NoContent)
        .ProducesProblem(StatusCodes.Status404NotFound)
        .ProducesProblem(StatusCodes.Status429TooManyRequests)
        .RequireRateLimiting(RateLimits.Streams);

    /// <param name="lastEventId">The last event that the client received, as browsers send it on reconnect: the stream continues after it.</param>
    private static async Task<IResult> StreamEvents(
        Guid id,
        [FromHeader(Name = "Last-Event-ID")] int? lastEventId,
        ClaimsPrincipal user,
        OrderingDbContext db,
        OrderStreams streams,
        IOptions<OrderingSettings> settings,
        TimeProvider clock,
        IHostApplicationLifetime host,
        HttpContext http,
        CancellationToken ct)
    {
        var order = await StateAsync(db.Orders.VisibleTo(user), id, ct);
        if (order is null)
        {
            return Problem.NotFound($"There is no order {id}.");
        }

        if (lastEventId == order.Version && OrderTransitions.IsFinal(order.Status))
        {
            return TypedResults.NoContent(); // stops a browser from reconnecting
        }

        // The current state first, unless the client sends Last-Event-ID.
        var shown = lastEventId is { } seen && seen <= order.Version ? seen : order.Version - 1;
        var events = new EventsOf(id, db, streams, settings.Value.KeepAlive, user.TokenExpiry(), clock);
        http.Response.Headers["X-Accel-Buffering"] = "no"; // disables nginx's buffering
        return TypedResults.ServerSentEvents(http.IsHead()
            ? AsyncEnumerable.Empty<SseItem<OrderEvent?>>()
            : events.AfterAsync(shown, host.ApplicationStopping, ct));
    }

    private static Task<State?> StateAsync(IQueryable<Order> orders, Guid id, CancellationToken ct) => orders.AsNoTracking()
        .Where(order => order.Id == id).Select(order => new State(order.Version, order.Status, order.Reason)).FirstOrDefaultAsync(ct);

    private sealed record State(int Version, OrderStatus Status, string? Reason);

    private sealed class EventsOf(
        Guid id, OrderingDbContext db, OrderStreams streams, TimeSpan keepAlive, DateTimeOffset expiry, TimeProvider clock)
    {
        /// <summary>
        /// Ends when the order's status is final, when the caller's token expires, when the client disconnects, and when the service stops: an open
        /// stream must not delay the shutdown.
        /// </summary>
        public async IAsyncEnumerable<SseItem<OrderEvent?>> AfterAsync(
            int shown, CancellationToken stopping, [EnumeratorCancellation] CancellationToken aborted)
        {
            using var expired = new CancellationTokenSource(TimeLeft(), clock);
            using var end = CancellationTokenSource.CreateLinkedTokenSource(stopping, aborted, expired.Token);
            using var watch = streams.Watch(id); // before the first read: later changes signal
            var (rung, resting) = (true, false);
            while (!resting && !end.IsCancellationRequested)
            {
                var moves = rung ? await MovesAsync(shown, end.Token) : [];
                foreach (var move in moves)
                {
                    yield return Item(move);
                    (shown, resting) = (move.Version, OrderTransitions.IsFinal(move.Status));
                }

                watch.Shown(shown);
                if (moves.Count == 0 && !end.IsCancellationRequested)
                {
                    yield return new SseItem<OrderEvent?>(null, KeepAlive);
                }

                rung = !resting && await ChangedAsync(watch, end.Token);
            }
        }

        // Bounded to a day, within the range of timers; clients reconnect.
        private TimeSpan TimeLeft()
        {
            var left = expiry - clock.GetUtcNow();
            return left < TimeSpan.Zero ? TimeSpan.Zero : left > TimeSpan.FromDays(1) ? TimeSpan.FromDays(1) : left;
        }

        private async Task<List<Move>> MovesAsync(int shown, CancellationToken ct)
        {
            try
            {
                return await db.History.AsNoTracking().Where(entry => entry.OrderId == id && entry.Version > shown)
                    .OrderBy(entry => entry.Version)
                    .Select(entry => new Move(entry.Version, entry.ToStatus, entry.Reason, entry.At)).ToListAsync(ct);
            }
            catch (OperationCanceledException) when (ct.IsCancellationRequested)
            {
                return [];
            }
        }

        private async Task<bool> ChangedAsync(OrderWatch watch, CancellationToken ct)
        {
            try
            {
                return await watch.WaitAsync(keepAlive, clock, ct);
            }
            catch (OperationCanceledException) when (ct.IsCancellationRequested)
            {
                return false;
            }
        }

        private SseItem<OrderEvent?> Item(Move move) =>
            new(new OrderEvent(id, move.Version, OrderResponse.StatusName(move.Status), move.Reason, move.At), Status)
            {
                EventId = move.Version.ToString(CultureInfo.InvariantCulture),
            };

        private sealed record Move(int Version, OrderStatus Status, string? Reason, DateTimeOffset At);
    }
}
