using System.Diagnostics;

namespace Shop.ServiceDefaults.Messaging.Wire;

/// <summary>A trace's baggage as a header: percent-encoded members, separated by commas (https://www.w3.org/TR/baggage/).</summary>
internal static class W3CBaggage
{
    /// <summary>The header; empty where there is no baggage.</summary>
    public static string Of(Activity activity) => string.Join(',', activity.Baggage.Select(member =>
        $"{Uri.EscapeDataString(member.Key)}={Uri.EscapeDataString(member.Value ?? "")}"));

    /// <summary>Gives a span what the header says, if there are both.</summary>
    public static void Restore(Activity? activity, string? header)
    {
        if (activity is null || header is null)
        {
            return;
        }

        foreach (var member in header.Split(',').Select(member => member.Split('=', 2)).Where(member => member.Length == 2))
        {
            activity.SetBaggage(Uri.UnescapeDataString(member[0]), Uri.UnescapeDataString(member[1]));
        }
    }
}
