using System.Collections;
using System.Text;
using RabbitMQ.Client;

namespace Shop.Messaging.Wire;

/// <summary>
/// The properties of a message that is published once more: for its next try, to the dead letters, back from them. Its sender chose
/// them, and some would do harm the second time: they would have the broker refuse the copy, route it elsewhere, let it expire, or
/// not fit into a frame. What is left out is said in the header <c>shop-headers-dropped</c>.
/// </summary>
internal static class MessageCopy
{
    /// <summary>Largest headers in bytes as AMQP encodes them. A frame, which they must fit into, has 128 KiB.</summary>
    public const int LargestHeaders = 96 * 1024;

    private const int LongestShortText = 255;

    // Sender-selected distribution routes a copy to whatever queues they name, and a value of another form closes the channel.
    private static readonly string[] s_routing = ["CC", "BCC"];

    /// <summary>A copy's properties, with headers that may be added to.</summary>
    /// <param name="original">As the message was delivered.</param>
    public static BasicProperties Of(IReadOnlyBasicProperties original)
    {
        var copy = new BasicProperties
        {
            ContentType = Short(original.ContentType),
            ContentEncoding = Short(original.ContentEncoding),
            CorrelationId = Short(original.CorrelationId),
            MessageId = Short(original.MessageId),
            Type = Short(original.Type),
            AppId = Short(original.AppId),
            ReplyTo = Short(original.ReplyTo),
            DeliveryMode = DeliveryModes.Persistent,
            Headers = new Dictionary<string, object?>(),
        };
        if (original.IsTimestampPresent())
        {
            copy.Timestamp = original.Timestamp;
        }

        // Not taken over: user id and cluster id, which only their own sender may name, and the expiration, which would remove it.
        foreach (var (name, value) in original.Headers ?? new Dictionary<string, object?>())
        {
            if (!s_routing.Contains(name) && !MessageHeaderNames.IsSaidByPeople(name) && Encoding.UTF8.GetByteCount(name) <= LongestShortText && IsWellFormed(name, value))
            {
                copy.Headers[name] = value;
            }
        }

        return copy;
    }

    /// <summary>Drops the largest headers of the sender until all fit; to be called when what Shop says is in them.</summary>
    public static void Fit(BasicProperties copy, IReadOnlyBasicProperties original)
    {
        var headers = copy.Headers!;
        var dropped = (original.Headers?.Count ?? 0) - (original.Headers?.Keys.Count(headers.ContainsKey) ?? 0);
        var size = headers.Sum(header => SizeOf(header.Key) + SizeOf(header.Value));
        foreach (var (name, bytes) in headers.Where(header => !MessageHeaderNames.IsOurs(header.Key))
            .Select(header => (header.Key, SizeOf(header.Key) + SizeOf(header.Value))).OrderByDescending(header => header.Item2).ToList())
        {
            if (size <= LargestHeaders)
            {
                break;
            }

            headers.Remove(name);
            size -= bytes;
            dropped++;
        }

        if (dropped > 0)
        {
            headers[MessageHeaderNames.Dropped] = dropped;
        }
    }

    private static string? Short(string? text) => text is null || Encoding.UTF8.GetByteCount(text) <= LongestShortText ? text : null;

    /// <summary>The broker reads its own record of deaths when it dead-letters the copy: it must be of the form that it writes.</summary>
    private static bool IsWellFormed(string name, object? value) => name switch
    {
        "x-death" => value is IList deaths && deaths.Cast<object?>().All(death => death is IDictionary<string, object?>),
        _ when name.StartsWith("x-first-death-", StringComparison.Ordinal) || name.StartsWith("x-last-death-", StringComparison.Ordinal) => value is byte[],
        _ => true,
    };

    /// <summary>At least as many bytes as AMQP 0-9-1 needs for a value.</summary>
    private static int SizeOf(object? value) => value switch
    {
        byte[] bytes => 5 + bytes.Length,
        string text => 5 + Encoding.UTF8.GetByteCount(text),
        BinaryTableValue binary => 5 + binary.Bytes.Length,
        IDictionary<string, object?> table => 5 + table.Sum(entry => SizeOf(entry.Key) + SizeOf(entry.Value)),
        IEnumerable list => 5 + list.Cast<object?>().Sum(SizeOf),
        _ => 9,
    };
}
