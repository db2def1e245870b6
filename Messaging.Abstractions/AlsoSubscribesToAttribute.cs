namespace Shop.Messaging;

/// <summary>
/// Subscribes a consumer to an older version of its event as well, upcast by the contracts' version steps to the version it handles. For as
/// long as some publisher publishes only the old version. An event published in both versions is processed once: both have the same id.
/// </summary>
/// <param name="older">The older version's type.</param>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true, Inherited = false)]
public sealed class AlsoSubscribesToAttribute(Type older) : Attribute
{
    /// <summary>The older version's type.</summary>
    public Type Older { get; } = older;
}
