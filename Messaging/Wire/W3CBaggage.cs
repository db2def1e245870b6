using System.Diagnostics;
using System.Text;

namespace Shop.Messaging.Wire;

/// <summary>
/// A trace's baggage as a header: percent-encoded members, separated by commas (https://www.w3.org/TR/baggage/). It comes from
/// callers, so the specification's limits apply: excess members are dropped, when it is read and when it is written.
/// </summary>
internal static class W3CBaggage
{
    public const int MaxBytes = 8_192;
    public const int MaxMembers = 64;

    /// <summary>The header, no longer than <see cref="MaxBytes"/>; empty where there is no baggage.</summary>
    public static string Of(Activity activity)
    {
        StringBuilder header = new();
        HashSet<string>? written = null;
        foreach (var (key, value) in activity.Baggage)
        {
            if (!IsToken(key) || (written ??= new(StringComparer.Ordinal)).Contains(key))
            {
                continue;
            }

            var member = $"{key}={Uri.EscapeDataString(value ?? "")}";
            if (header.Length + member.Length + (header.Length == 0 ? 0 : 1) <= MaxBytes)
            {
                header.Append(header.Length == 0 ? "" : ",").Append(member);
                if (written.Add(key) && written.Count == MaxMembers)
                {
                    break;
                }
            }
        }

        return header.ToString();
    }

    /// <summary>Adds the header's members, if any, to an activity's baggage.</summary>
    public static void Restore(Activity activity, string? header)
    {
        if (string.IsNullOrEmpty(header))
        {
            return;
        }

        List<(string Key, string Value)> members = [];
        foreach (var range in header.AsSpan(0, Math.Min(header.Length, MaxBytes)).Split(','))
        {
            var cutOff = range.End.Value == MaxBytes && header.Length > MaxBytes && header[MaxBytes] != ',';
            var member = header.AsSpan()[range];
            if (members.Count == MaxMembers || cutOff || member.IndexOf('=') is not (> 0 and var equals))
            {
                continue;
            }

            // What follows a semicolon are properties of the member.
            var key = member[..equals].Trim();
            var value = member[(equals + 1)..];
            value = (value.IndexOf(';') is >= 0 and var end ? value[..end] : value).Trim();
            if (IsToken(key) && Ascii.IsValid(value))
            {
                members.Add((key.ToString(), Uri.UnescapeDataString(value)));
            }
        }

        // An activity's baggage begins with what was added last.
        members.Reverse();
        members.ForEach(member => activity.SetBaggage(member.Key, member.Value));
    }

    private static bool IsToken(ReadOnlySpan<char> key)
    {
        foreach (var letter in key)
        {
            if (!char.IsAsciiLetterOrDigit(letter) && !"!#$%&'*+-.^_`|~".Contains(letter, StringComparison.Ordinal))
            {
                return false;
            }
        }

        return key.Length > 0;
    }
}
