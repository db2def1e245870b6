using System.Globalization;

namespace Shop.Notification.Features;

/// <summary>The names of hosts that customers write, in mail addresses and webhooks.</summary>
internal static class HostName
{
    private static readonly IdnMapping s_idn = new();

    /// <summary>
    /// Whether each label has letters, digits and hyphens only (RFC 5891), so none that is invisible, changes the direction or is not
    /// decodable. <see cref="Uri.CheckHostName"/> alone accepts those.
    /// </summary>
    public static bool IsValid(string name) =>
        Uri.CheckHostName(name) == UriHostNameType.Dns && name.All(c => c == '.' || IsOfLabel(c)) && name.TrimEnd('.').Split('.').All(IsDecodable);

    private static bool IsOfLabel(char c) => c == '-' || char.IsSurrogate(c) || char.GetUnicodeCategory(c) is UnicodeCategory.LowercaseLetter
        or UnicodeCategory.UppercaseLetter or UnicodeCategory.OtherLetter or UnicodeCategory.ModifierLetter or UnicodeCategory.NonSpacingMark
        or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.DecimalDigitNumber;

    private static bool IsDecodable(string label)
    {
        if (!label.StartsWith("xn--", StringComparison.OrdinalIgnoreCase))
        {
            return label.Length > 0;
        }

        try
        {
            return s_idn.GetUnicode(label).All(IsOfLabel);
        }
        catch (ArgumentException)
        {
            return false; // not punycode
        }
    }
}
