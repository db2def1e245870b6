using System.Diagnostics;

namespace Shop.Messaging.Consuming.MassTransit;

/// <summary>The span of a delivery's last attempt, which failed: it is sent once it is known what becomes of the message.</summary>
internal sealed class FailedSpan
{
    private Activity? _span;

    /// <summary>Keeps this one. An earlier attempt's needs no more to be known: another attempt became of it.</summary>
    public void Keep(Activity span) => Interlocked.Exchange(ref _span, span)?.Dispose();

    /// <summary>The last attempt's, for the caller to dispose of.</summary>
    public Activity? Take() => Interlocked.Exchange(ref _span, null);
}
