
namespace Shop.Messaging.Consuming;

/// <summary>
/// On a consumer of <see cref="IIntegrationEvent"/>: the events that it subscribes to, where that
/// is not all of them.
/// </summary>
/// <param name="events">Events of the contracts.</param>
[AttributeUsage(AttributeTargets.Class)]
public sealed class SubscribesToAttribute(params Type[] events) : Attribute
{
    /// <summary>Events of the contracts.</summary>
    public IReadOnlyList<Type> Events { get; } = events;
}
