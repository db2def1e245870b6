using System.Globalization;
using System.Text;

namespace Shop.Messaging.Wire;

/// <summary>
/// Reads untrusted input: headers of any type, text of any length. Never throws; values of an unexpected type are
/// treated as absent, text is truncated and control characters are escaped.
/// </summary>
internal static class Untrusted
{
    /// <summary>The longest header that is read, in bytes of UTF-8.</summary>
    private const int MaxHeaderBytes = 16 * 1024;

    /// <summary>Ends a text that was truncated, followed by its full length.</summary>
    internal const string Cut = "... (";

    /// <summary>A header's text; null where there is none, or none that is text of up to 16 KiB.</summary>
    public static string? Text(IDictionary<string, object?>? headers, string name) =>
        headers?.TryGetValue(name, out var value) == true
            ? value switch
            {
                byte[] { Length: <= MaxHeaderBytes } utf8 => Encoding.UTF8.GetString(utf8),
                string { Length: <= MaxHeaderBytes } text => text,
                _ => null,
            }
            : null;

    /// <summary>A header's number from 0 to 2^31 - 1; null where there is none, or none of that kind.</summary>
    public static int? Count(IDictionary<string, object?>? headers, string name)
    {
        if (headers?.TryGetValue(name, out var value) != true)
        {
            return null;
        }

        long? number = value switch
        {
            sbyte n => n,
            byte n => n,
            short n => n,
            ushort n => n,
            int n => n,
            uint n => n,
            long n => n,
            _ => null,
        };
        return number is >= 0 and <= int.MaxValue ? (int)number : null;
    }

    /// <summary>Text for a log line, a header or a terminal: control characters escaped, and truncated.</summary>
    public static string Sanitize(string? text, int longest = 500, bool keepLines = false)
    {
        if (text is null)
        {
            return "";
        }

        var shown = new StringBuilder(Math.Min(text.Length, longest));
        foreach (var character in text)
        {
            if (shown.Length >= longest)
            {
                return shown.Append(CultureInfo.InvariantCulture, $"{Cut}{text.Length} characters)").ToString();
            }

            if (keepLines && character is '\n' or '\r')
            {
                shown.Append(character);
            }
            else if (IsPlain(character))
            {
                shown.Append(character);
            }
            else
            {
                shown.Append(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}");
            }
        }

        return shown.ToString();
    }

    // Format characters can reverse or hide text. Surrogates are kept: pairs are letters.
    private static bool IsPlain(char character) => CharUnicodeInfo.GetUnicodeCategory(character)
        is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);
}
