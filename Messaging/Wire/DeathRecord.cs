using System.Collections;
using RabbitMQ.Client;

namespace Shop.Messaging.Wire;

/// <summary>
/// The headers in which the broker records that it dead-lettered a message, when its delay or its delivery limit is over. RabbitMQ 3
/// updates them without looking at their types, also where a publisher wrote them: a count that is text ends the dead-lettering of the
/// whole node, a fraction makes the message undeliverable. So a copy never carries them, and the broker begins anew.
/// </summary>
internal static class DeathRecord
{
    private const string Deaths = "x-death";

    /// <summary>Whether a header belongs to the record.</summary>
    public static bool Has(string header) => header is Deaths or "x-delivery-count"
        || header.StartsWith("x-first-death-", StringComparison.Ordinal) || header.StartsWith("x-last-death-", StringComparison.Ordinal);

    /// <summary>Whether the broker can update the record: it is absent, or of the types that the broker itself writes.</summary>
    public static bool IsWellFormed(IDictionary<string, object?>? headers) => headers is null || headers.All(header => header.Key switch
    {
        Deaths => header.Value is IList deaths && deaths.Cast<object?>().All(IsDeath),
        var name when name.StartsWith("x-first-death-", StringComparison.Ordinal) || name.StartsWith("x-last-death-", StringComparison.Ordinal) =>
            header.Value is byte[],
        _ => true,
    });

    private static bool IsDeath(object? death) => death is IDictionary<string, object?> fields && fields.All(field => field.Key switch
    {
        "count" => field.Value is long or int,
        "time" => field.Value is AmqpTimestamp,
        "routing-keys" => field.Value is IList keys && keys.Cast<object?>().All(key => key is byte[]),
        "reason" or "queue" or "exchange" or "original-expiration" => field.Value is byte[],
        _ => true,
    });
}
