namespace Shop.Messaging;

/// <summary>
/// The name of an event on the wire, such as <c>ordering.order-placed.v1</c>: its exchange, its URN and its schema file.
/// It does not depend on the CLR type, so that the record can be renamed or moved without breaking a consumer.
/// </summary>
/// <param name="name">Service, event and version, in lower case.</param>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class EventNameAttribute(string name) : Attribute
{
    /// <summary>The name on the wire.</summary>
    public string Name { get; } = name;
}
