using Shop.Messaging.DomainEvents;

namespace Shop.Messaging.Units.Tests;

/// <summary>An aggregate that opens and closes.</summary>
internal sealed class Door(string name) : AggregateRoot
{
    public string Name { get; private set; } = name;

    public Door Open()
    {
        Raise(new Opened(Name));
        return this;
    }

    public Door Close()
    {
        Raise(new Closed(Name));
        return this;
    }
}

internal sealed class Handle(Door door) : AggregatePart
{
    protected override AggregateRoot Root => door;

    public void Turn() => Raise(new Closed(door.Name));
}

internal sealed record Opened(string Name) : DomainEvent(TestEvents.Now)
{
    public override string ToString() => $"Opened {Name}";
}

internal sealed record Closed(string Name) : DomainEvent(TestEvents.Now)
{
    public override string ToString() => $"Closed {Name}";
}
