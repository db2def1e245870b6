namespace Shop.Messaging;

/// <summary>
/// A number's least value, which the publisher guarantees. It is in the schema, and <see cref="EventConstraints"/> checks it when a message is
/// read. Changing it breaks the contract and takes a new version.
/// </summary>
/// <param name="minimum">The least value.</param>
[AttributeUsage(AttributeTargets.Parameter | AttributeTargets.Property)]
public sealed class AtLeastAttribute(int minimum) : Attribute
{
    /// <summary>The least value.</summary>
    public int Minimum { get; } = minimum;
}

/// <summary>The publisher guarantees at least one item, or one character. Checked as <see cref="AtLeastAttribute"/>.</summary>
[AttributeUsage(AttributeTargets.Parameter | AttributeTargets.Property)]
public sealed class NotEmptyAttribute : Attribute;

/// <summary>The publisher guarantees text that matches a pattern. Checked as <see cref="AtLeastAttribute"/>.</summary>
/// <param name="pattern">A regular expression that JavaScript understands too.</param>
[AttributeUsage(AttributeTargets.Parameter | AttributeTargets.Property)]
public sealed class PatternAttribute(string pattern) : Attribute
{
    /// <summary>ISO 4217: three capital letters.</summary>
    public const string Currency = "^[A-Z]{3}$";

    /// <summary>A stable code, such as <c>out-of-stock</c>.</summary>
    public const string Code = "^[a-z]+(-[a-z]+)*$";

    /// <summary>The regular expression.</summary>
    public string Pattern { get; } = pattern;
}
