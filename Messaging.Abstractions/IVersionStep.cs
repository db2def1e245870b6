namespace Shop.Messaging;

/// <summary>
/// How a version of an event becomes the next one, and back. Up is for consumers that take the new version and still get the old one;
/// Down is for the publisher, who tells both while the old one is consumed. Both keep the event's id: it is one fact.
/// </summary>
/// <typeparam name="TOld">A version.</typeparam>
/// <typeparam name="TNew">The version after it.</typeparam>
public interface IVersionStep<TOld, TNew>
    where TOld : class, IIntegrationEvent
    where TNew : class, IIntegrationEvent
{
    /// <summary>The new version of what the old one tells. What the old one does not say is left out.</summary>
    static abstract TNew Up(TOld old);

    /// <summary>The old version of what the new one tells.</summary>
    static abstract TOld Down(TNew current);
}
