using Microsoft.EntityFrameworkCore.Diagnostics;
using Shop.Messaging.Outbox;

namespace Shop.Messaging.LogTailing;

/// <summary>Suppresses the concurrency exception for events that went to the log and so left no row.</summary>
internal sealed class LoggedEventInterceptor : SaveChangesInterceptor
{
    public static readonly LoggedEventInterceptor Instance = new();

    public override ValueTask<InterceptionResult> ThrowingConcurrencyExceptionAsync(
        ConcurrencyExceptionEventData eventData, InterceptionResult result, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult(eventData.Entries.All(entry => entry.Entity is OutboxMessage) ? InterceptionResult.Suppress() : result);
}
