using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Shop.Messaging.Wire;

/// <summary>Rejects content that PostgreSQL cannot store: it would fail only on insert, and be retried in vain.</summary>
internal static class Unstorable
{
    /// <summary>The largest body that is read: far above any event of the contracts.</summary>
    public const int MaxBodyBytes = 1024 * 1024;

    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <exception cref="MalformedMessageException">The body is too large, or not UTF-8.</exception>
    public static void CheckBytes(ReadOnlySpan<byte> body)
    {
        if (body.Length > MaxBodyBytes)
        {
            throw new MalformedMessageException($"The body has {body.Length} bytes; at most {MaxBodyBytes} are allowed.");
        }

        if (!Utf8.IsValid(body))
        {
            throw new MalformedMessageException("The body is not valid UTF-8.");
        }
    }

    /// <summary>Checks all names and strings of a body for U+0000 and lone surrogates, including unknown members.</summary>
    /// <exception cref="MalformedMessageException">The body contains one of them.</exception>
    public static void CheckText(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var member in element.EnumerateObject())
                {
                    CheckText(member, static member => member.Name);
                    CheckText(member.Value);
                }

                break;
            case JsonValueKind.Array:
                foreach (var item in element.EnumerateArray())
                {
                    CheckText(item);
                }

                break;
            case JsonValueKind.String:
                CheckText(element, static element => element.GetString()!);
                break;
        }
    }

    private static void CheckText<T>(T holder, Func<T, string> read)
    {
        string text;
        try
        {
            text = read(holder);
            s_strict.GetByteCount(text);
        }
        catch (Exception e) when (e is InvalidOperationException or EncoderFallbackException)
        {
            throw new MalformedMessageException("The body contains a lone surrogate, which is not a valid character.", e);
        }

        if (text.Contains('\0', StringComparison.Ordinal))
        {
            throw new MalformedMessageException("The body contains the character U+0000, which PostgreSQL cannot store.");
        }
    }
}
