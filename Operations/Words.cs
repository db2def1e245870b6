using System.Globalization;

namespace Shop.Operations;

/// <summary>Numbers and times as people read them.</summary>
public static class Words
{
    /// <summary>"1 order", "2 orders".</summary>
    public static string Count(long number, string what) =>
        string.Create(CultureInfo.InvariantCulture, $"{number} {what}{(number == 1 ? "" : "s")}");

    /// <summary>How long ago something was.</summary>
    public static string Age(TimeSpan age) => age.TotalSeconds < 1 ? "less than 1 s"
        : age.TotalMinutes < 2 ? string.Create(CultureInfo.InvariantCulture, $"{age.TotalSeconds:0} s")
        : age.TotalHours < 2 ? string.Create(CultureInfo.InvariantCulture, $"{age.TotalMinutes:0} min")
        : age.TotalDays < 2 ? string.Create(CultureInfo.InvariantCulture, $"{age.TotalHours:0} h")
        : string.Create(CultureInfo.InvariantCulture, $"{age.TotalDays:0} days");
}
