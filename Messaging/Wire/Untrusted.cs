using System.Globalization;
using System.Text;

namespace Shop.Messaging.Wire;

/// <summary>
/// Reads what a stranger may have written: headers of any type, text of any length. Never throws; what is not of the expected form is
/// absent, text is cut to a size and shown without control characters.
/// </summary>
internal static class Untrusted
{
    /// <summary>Longest text of a header that is read at all, in bytes of UTF-8.</summary>
    private const int LongestHeader = 16 * 1024;

    /// <summary>A header's text; null where there is none, or none that is text of up to 16 KiB.</summary>
    public static string? Text(IDictionary<string, object?>? headers, string name) =>
        headers?.TryGetValue(name, out var value) == true
            ? value switch
            {
                byte[] { Length: <= LongestHeader } utf8 => Encoding.UTF8.GetString(utf8),
                string { Length: <= LongestHeader } text => text,
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

    /// <summary>Text for a log line, a header or a terminal: without control characters, and no longer than so many characters.</summary>
    public static string Shown(string? text, int longest = 500, bool keepLines = false)
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
                return shown.Append(CultureInfo.InvariantCulture, $"... ({text.Length} characters)").ToString();
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

    // Of the formatting characters, those that reverse or hide text deceive whoever reads it. Surrogates are kept: pairs are letters.
    private static bool IsPlain(char character) => CharUnicodeInfo.GetUnicodeCategory(character)
        is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);
}
