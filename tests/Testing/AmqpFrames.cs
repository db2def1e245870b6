using System.Buffers.Binary;

namespace Shop.Testing;

/// <summary>Where AMQP's frames end in a stream of bytes: type, channel and size in seven bytes, so many more, and one at the end.</summary>
internal sealed class AmqpFrames
{
    private readonly byte[] _header = new byte[7];
    private int _read;
    private long _left;
    private bool _any;

    public static ReadOnlyMemory<byte> Heartbeat { get; } = new byte[] { 8, 0, 0, 0, 0, 0, 0, 0xCE };

    /// <summary>Whether a frame has just ended.</summary>
    public bool AtEnd => _any && _read == 0 && _left == 0;

    public void Pass(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var taken = _left > 0 ? (int)Math.Min(_left, bytes.Length) : 1;
            if (_left > 0)
            {
                _left -= taken;
            }
            else
            {
                _header[_read++] = bytes[0];
                if (_read == _header.Length)
                {
                    (_left, _read, _any) = (BinaryPrimitives.ReadUInt32BigEndian(_header.AsSpan(3)) + 1L, 0, true);
                }
            }

            bytes = bytes[taken..];
        }
    }
}
