using Shop.Messaging.Outbox;
using Shop.Messaging.Telemetry;

namespace Shop.Messaging.Relay;

internal static class RelayMetrics
{
    /// <summary>Records the number of published events and their delay.</summary>
    public static void Count(IReadOnlyList<OutboxRow> rows, PublishReport report, TimeProvider clock)
    {
        MessagingTelemetry.Published.Add(report.Confirmed.Count);
        if (MessagingTelemetry.OutboxDelay.Enabled)
        {
            var now = clock.GetUtcNow();
            foreach (var row in rows.Where(row => report.Confirmed.Contains(row.Seq)))
            {
                MessagingTelemetry.OutboxDelay.Record(Math.Max(0, (now - OutboxMessage.CreatedAt(row.EventId)).TotalSeconds));
            }
        }
    }
}
