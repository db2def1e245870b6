using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Shop.Messaging.Wire;

/// <summary>What a message may hold and no database stores. Without these checks it fails only there, and is retried for nothing.</summary>
internal static class Unstorable
{
    /// <summary>Largest body that is read, in bytes: far above any event of the contracts.</summary>
    public const int LargestBody = 1024 * 1024;

    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <exception cref="MalformedMessageException">The body is too large, or no UTF-8.</exception>
    public static void CheckBytes(ReadOnlySpan<byte> body)
    {
        if (body.Length > LargestBody)
        {
            throw new MalformedMessageException($"The body has {body.Length} bytes; {LargestBody} are the most that is read.");
        }

        if (!Utf8.IsValid(body))
        {
            throw new MalformedMessageException("The body is no UTF-8.");
        }
    }

    /// <summary>Looks at all names and text in a body for U+0000 and lone surrogates, in members that this build does not know too.</summary>
    /// <exception cref="MalformedMessageException">There is one of them.</exception>
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
            throw new MalformedMessageException("The body holds a lone surrogate, which is no character.", e);
        }

        if (text.Contains('\0', StringComparison.Ordinal))
        {
            throw new MalformedMessageException("The body holds the character U+0000, which no database stores.");
        }
    }
}
