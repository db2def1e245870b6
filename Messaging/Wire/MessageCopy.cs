using System.Collections;
using System.Text;
using RabbitMQ.Client;

namespace Shop.Messaging.Wire;

/// <summary>
/// The properties of a message that is republished: for a delayed retry, to the dead letters, or back from them. The sender chose
/// them, and some are unsafe to republish: the broker would reject the copy, route it elsewhere, expire it, or
/// exceed the frame size. The header <c>shop-headers-dropped</c> counts what was left out.
/// </summary>
internal static class MessageCopy
{
    /// <summary>The largest size of all headers, AMQP-encoded. They must fit into a frame of 128 KiB.</summary>
    public const int MaxHeadersBytes = 96 * 1024;

    private const int MaxShortStringBytes = 255;

    // Sender-selected distribution would route a copy to the queues they name, and an invalid value closes the channel.
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

        // Not copied: user id and cluster id, which the broker validates, and the expiration, which would remove the copy.
        foreach (var (name, value) in original.Headers ?? new Dictionary<string, object?>())
        {
            if (!s_routing.Contains(name) && !MessageHeaderNames.IsOperatorOnly(name) && Encoding.UTF8.GetByteCount(name) <= MaxShortStringBytes && !DeathRecord.Has(name))
            {
                copy.Headers[name] = value;
            }
        }

        return copy;
    }

    /// <summary>Drops the sender's largest headers until all fit; call it after adding Shop's own headers.</summary>
    public static void Fit(BasicProperties copy, IReadOnlyBasicProperties original)
    {
        var headers = copy.Headers!;
        var dropped = original.Headers?.Keys.Count(name => !headers.ContainsKey(name) && !DeathRecord.Has(name)) ?? 0;
        var size = headers.Sum(header => SizeOf(header.Key) + SizeOf(header.Value));
        foreach (var (name, bytes) in headers.Where(header => !MessageHeaderNames.IsReserved(header.Key))
            .Select(header => (header.Key, SizeOf(header.Key) + SizeOf(header.Value))).OrderByDescending(header => header.Item2).ToList())
        {
            if (size <= MaxHeadersBytes)
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

    private static string? Short(string? text) => text is null || Encoding.UTF8.GetByteCount(text) <= MaxShortStringBytes ? text : null;

    /// <summary>An upper bound of a value's size in AMQP 0-9-1.</summary>
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
