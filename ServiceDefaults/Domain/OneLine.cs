using System.Globalization;
using System.Text;

namespace Shop.ServiceDefaults.Domain;

/// <summary>
/// Text that can stand on one line of a log, a terminal or a mail's header: no control character, no line or paragraph separator, and
/// nothing that turns the direction of writing, by which text would show as other than it is.
/// </summary>
public static class OneLine
{
    /// <summary>Whether the text is one line, and not blank.</summary>
    public static bool Is(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return !string.IsNullOrWhiteSpace(text) && !text.Any(IsUnsafe);
    }

    /// <summary>The same text with <c>\u001b</c> and its like in place of what may not stand in one line.</summary>
    public static string Escape(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (!text.Any(IsUnsafe))
        {
            return text;
        }

        var escaped = new StringBuilder(text.Length + 16);
        foreach (var c in text)
        {
            _ = IsUnsafe(c) ? escaped.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}") : escaped.Append(c);
        }

        return escaped.ToString();
    }

    private static bool IsUnsafe(char c) =>
        char.IsControl(c) || c is '\u2028' or '\u2029' or (>= '\u202a' and <= '\u202e') or (>= '\u2066' and <= '\u2069');
}
