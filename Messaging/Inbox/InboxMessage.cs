using System.Text.RegularExpressions;
using Npgsql;

namespace Shop.Messaging.Inbox;

/// <summary>Marks an event as processed by a consumer: inserted in the transaction of the consumer's effects.</summary>
internal sealed partial class InboxMessage
{
    public required Guid EventId { get; init; }

    /// <summary>The consumer's queue.</summary>
    public required string Consumer { get; init; }

    public required DateTimeOffset ProcessedAt { get; init; }

    /// <summary>When the relay published it; null where the message does not say.</summary>
    public DateTimeOffset? PublishedAt { get; init; }

    /// <summary>When the delivery was received; null in rows of an older version.</summary>
    public DateTimeOffset? ReceivedAt { get; init; }

    /// <summary>How many attempts the delivery took.</summary>
    public short? Attempts { get; init; }

    /// <summary>How many delayed retries came before it.</summary>
    public short? Retries { get; init; }

    /// <summary>
    /// Whether the event is already processed: a unique violation of the inbox's own key and of nothing else. PostgreSQL names the key
    /// of the partition.
    /// </summary>
    public static bool IsDuplicate(PostgresException violation) =>
        violation is { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: { } constraint } && Key().IsMatch(constraint);

    [GeneratedRegex("^inbox(_default|_[0-9]{8})?_pkey$", RegexOptions.CultureInvariant)]
    private static partial Regex Key();
}
