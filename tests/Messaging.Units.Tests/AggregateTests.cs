using Shop.Messaging.DomainEvents;

namespace Shop.Messaging.Units.Tests;

/// <summary>What aggregates record, and what a broken rule says.</summary>
public sealed class AggregateTests
{
    [Fact]
    public void Events_of_a_root_and_its_parts_are_taken_once()
    {
        var door = new Door("a");
        Assert.False(door.HasEvents);

        door.Open();
        new Handle(door).Turn();

        Assert.True(door.HasEvents);
        Assert.Equal(["Opened a", "Closed a"], door.TakeEvents().Select(e => e.ToString()));
        Assert.False(door.HasEvents);
        Assert.Empty(door.TakeEvents());
    }

    [Fact]
    public void An_event_id_is_a_UUID_of_version_7_with_its_time()
    {
        var opened = new Opened("a");

        Assert.Equal(7, opened.EventId.Version);
        Assert.Equal(Guid.CreateVersion7(TestEvents.Now).ToString()[..13], opened.EventId.ToString()[..13]);
        Assert.Equal(opened.EventId, opened.EventId);
        Assert.NotEqual(new Opened("a").EventId, opened.EventId);
    }

    [Fact]
    public void A_domain_exception_is_no_conflict_by_default()
    {
        var never = new DomainException("code", "why");

        Assert.Equal(("code", "why", false), (never.Code, never.Message, never.Conflict));
        Assert.True(new DomainException("code", "why", conflict: true).Conflict);
    }
}
