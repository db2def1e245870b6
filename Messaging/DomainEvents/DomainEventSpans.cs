using System.Diagnostics;

namespace Shop.Messaging.DomainEvents;

/// <summary>
/// The spans of domain events: <c>OrderConfirmed -> CountConfirmedOrder</c> for each handler, and <c>OrderPlaced</c> for an event that
/// has none before the commit.
/// </summary>
internal static class DomainEventSpans
{
    public const string BeforeCommit = "before commit";
    public const string AfterCommit = "after commit";

    private static readonly ActivitySource s_activities = new("Shop.DomainEvents");

    /// <summary>From the end of the before-commit handlers to the end of the commit; null where nothing is recorded.</summary>
    public static Activity? Committed(DateTimeOffset since, int events) =>
        s_activities.StartActivity("commit", ActivityKind.Internal, default(ActivityContext), startTime: since)?.SetTag("shop.domain_events", events);

    /// <summary>An event without a handler before the commit.</summary>
    public static void Raised(DomainEvent domainEvent) => Start(domainEvent, null, BeforeCommit)?.Dispose();

    /// <summary>Runs a handler in its span.</summary>
    public static async Task HandleAsync(DomainEvent domainEvent, object handler, string phase, Func<Task> handle)
    {
        using var span = Start(domainEvent, handler.GetType(), phase);
        try
        {
            await handle();
        }
        catch (Exception e) when (span is not null)
        {
            span.SetStatus(ActivityStatusCode.Error, e.Message).SetTag("error.type", e.GetType().FullName);
            throw;
        }
    }

    private static Activity? Start(DomainEvent domainEvent, Type? handler, string phase)
    {
        if (!s_activities.HasListeners())
        {
            return null;
        }

        var name = domainEvent.GetType().Name;
        return s_activities.StartActivity(handler is null ? name : $"{name} -> {handler.Name}")?
            .SetTag("shop.domain_event.name", name)
            .SetTag("shop.domain_event.id", domainEvent.EventId.ToString())
            .SetTag("shop.domain_event.handler", handler?.Name)
            .SetTag("shop.domain_event.phase", phase);
    }
}
