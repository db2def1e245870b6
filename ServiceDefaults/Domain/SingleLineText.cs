using System.Globalization;
using System.Text;

namespace Shop.ServiceDefaults.Domain;

/// <summary>
/// Text that is safe on one line of a log, a terminal or a mail's header: no control characters, no line or paragraph separators, and
/// no bidirectional controls, which would display the text differently.
/// </summary>
public static class SingleLineText
{
    /// <summary>Whether the text is one line, and not blank.</summary>
    public static bool IsValid(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Any(IsVisible) && !text.Any(IsUnsafe);
    }

    /// <summary>The text with unsafe characters escaped, such as <c>\u001b</c>.</summary>
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

    private static bool IsVisible(char c) => !char.IsWhiteSpace(c) && char.GetUnicodeCategory(c) is not UnicodeCategory.Format;

    private static bool IsUnsafe(char c) =>
        char.IsControl(c) || c is '\u2028' or '\u2029' or (>= '\u202a' and <= '\u202e') or (>= '\u2066' and <= '\u2069');
}
