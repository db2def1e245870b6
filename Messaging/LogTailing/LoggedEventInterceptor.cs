using Microsoft.EntityFrameworkCore.Diagnostics;
using Shop.Messaging.Outbox;

namespace Shop.Messaging.LogTailing;

/// <summary>An event that went into the log left no row: that is no conflict.</summary>
internal sealed class LoggedEventInterceptor : SaveChangesInterceptor
{
    public static readonly LoggedEventInterceptor Instance = new();

    public override ValueTask<InterceptionResult> ThrowingConcurrencyExceptionAsync(
        ConcurrencyExceptionEventData eventData, InterceptionResult result, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult(eventData.Entries.All(entry => entry.Entity is OutboxMessage) ? InterceptionResult.Suppress() : result);
}
