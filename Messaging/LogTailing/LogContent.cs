using System.Buffers.Binary;
using System.Text;
using Shop.Messaging.Relay;

namespace Shop.Messaging.LogTailing;

/// <summary>
/// An event as the trigger writes it into the log: PostgreSQL's binary form of a record, which is the number of columns, and for
/// each its type's oid, its length (negative for null) and its bytes, all big-endian.
/// </summary>
internal static class LogContent
{
    private const int Columns = 7;

    /// <exception cref="FormatException">The content is not an event.</exception>
    public static OutboxRow Read(ReadOnlySpan<byte> content)
    {
        var rest = content;
        if (ReadInt32(ref rest) != Columns)
        {
            throw new FormatException($"A message in the log with the prefix {LogSlot.Prefix} is not an event of this version.");
        }

        return new OutboxRow(
            Seq: BinaryPrimitives.ReadInt64BigEndian(ReadColumn(ref rest)),
            EventId: new Guid(ReadColumn(ref rest), bigEndian: true),
            Stream: Encoding.UTF8.GetString(ReadColumn(ref rest)),
            Partition: BinaryPrimitives.ReadInt16BigEndian(ReadColumn(ref rest)),
            Type: Encoding.UTF8.GetString(ReadColumn(ref rest)),
            Headers: Encoding.UTF8.GetString(ReadColumn(ref rest)),
            Body: ReadColumn(ref rest).ToArray());
    }

    private static ReadOnlySpan<byte> ReadColumn(ref ReadOnlySpan<byte> rest)
    {
        _ = ReadInt32(ref rest); // the type's oid
        var length = ReadInt32(ref rest);
        if (length < 0 || length > rest.Length)
        {
            throw new FormatException($"A message in the log with the prefix {LogSlot.Prefix} ends early or has no value in a column.");
        }

        var column = rest[..length];
        rest = rest[length..];
        return column;
    }

    private static int ReadInt32(ref ReadOnlySpan<byte> rest)
    {
        if (rest.Length < sizeof(int))
        {
            throw new FormatException($"A message in the log with the prefix {LogSlot.Prefix} ends early.");
        }

        var value = BinaryPrimitives.ReadInt32BigEndian(rest);
        rest = rest[sizeof(int)..];
        return value;
    }
}
