namespace Shop.Deploy.Tests;

/// <summary>A violation of a rule: which object, and what is wrong with it.</summary>
internal static class Violation
{
    /// <summary>The violation, if there is one.</summary>
    public static IEnumerable<string> If(bool wrong, string at, string what) => wrong ? [$"{at} {what}"] : [];
}
