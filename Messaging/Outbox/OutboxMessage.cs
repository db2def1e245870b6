using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace Shop.Messaging.Outbox;

/// <summary>
/// One event that waits for the relay. A row's presence means ready: the relay deletes it in the transaction that it
/// commits after the broker's confirm.
/// </summary>
internal sealed class OutboxMessage
{
    /// <summary>
    /// Streams are spread over this many partitions, each locked by one relay at a time. A constant of the database: changing
    /// it while rows wait would let two relays publish events of one stream.
    /// </summary>
    public const int Partitions = 16;

    /// <summary>The event's position in its unit of work. EF orders inserts by their key, which therefore begins with it.</summary>
    public required int Position { get; init; }

    public required Guid EventId { get; init; }

    /// <summary>The aggregate: events of one stream are published in the order in which they were recorded.</summary>
    public required string Stream { get; init; }

    public required short Partition { get; init; }

    /// <summary>The event's wire name, which is its exchange.</summary>
    public required string Type { get; init; }

    /// <summary>The transport headers as a JSON object of strings.</summary>
    public required string Headers { get; init; }

    /// <summary>The final envelope in UTF-8, which the relay publishes unchanged.</summary>
    public required byte[] Body { get; init; }

    /// <summary>CRC-32C of the stream's name: the same in every process and version, unlike string.GetHashCode.</summary>
    public static short PartitionOf(string stream)
    {
        var crc = uint.MaxValue;
        foreach (var octet in Encoding.UTF8.GetBytes(stream))
        {
            crc = BitOperations.Crc32C(crc, octet);
        }

        return (short)(crc % Partitions);
    }

    /// <summary>When the event was created, by its id.</summary>
    public static DateTimeOffset CreatedAt(Guid eventId)
    {
        Span<byte> bytes = stackalloc byte[16];
        eventId.TryWriteBytes(bytes, bigEndian: true, out _);
        return eventId.Version == 7
            ? DateTimeOffset.FromUnixTimeMilliseconds((long)(BinaryPrimitives.ReadUInt64BigEndian(bytes) >> 16))
            : DateTimeOffset.UnixEpoch;
    }
}
