namespace Shop.Messaging;

/// <summary>
/// Converts a version of an event to the next one, and back. Up is for consumers of the new version that still receive the old one;
/// Down is for the publisher, which publishes both while the old one is consumed. Both keep the event's id: it is one fact.
/// </summary>
/// <typeparam name="TOld">A version.</typeparam>
/// <typeparam name="TNew">The version after it.</typeparam>
public interface IVersionStep<TOld, TNew>
    where TOld : class, IIntegrationEvent
    where TNew : class, IIntegrationEvent
{
    /// <summary>Upcasts to the new version. Members that the old one does not have stay unset.</summary>
    static abstract TNew Up(TOld old);

    /// <summary>Downcasts to the old version.</summary>
    static abstract TOld Down(TNew current);
}
