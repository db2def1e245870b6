using Shop.Messaging;

/// <summary>Of a program that is one file.</summary>
[EventName("any.without-namespace.v1")]
#pragma warning disable CA1050 // that is what is tested
public sealed record EventWithoutNamespace(Guid EventId, DateTimeOffset OccurredAt) : IIntegrationEvent
#pragma warning restore CA1050
{
    public string AggregateId => "any";

    public int AggregateVersion => 1;
}
