namespace Shop.Messaging;

/// <summary>
/// Says of a consumer that it also takes an older version of its event, made the version it knows by the contracts' steps. For as
/// long as a publisher tells only the old one. Of a fact that is told in both versions it gets either, once: the inbox knows the id.
/// </summary>
/// <param name="older">The older version's type.</param>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true, Inherited = false)]
public sealed class AlsoTakesAttribute(Type older) : Attribute
{
    /// <summary>The older version's type.</summary>
    public Type Older { get; } = older;
}
