using Shop.Contracts.Inventory.V1;

namespace Shop.Messaging.Units.Tests;

/// <summary>The events of this assembly: an event in three versions, one that cannot be deserialized, and one with every kind of constraint.</summary>
internal static class TestEvents
{
    public static DateTimeOffset Now { get; } = new(2026, 11, 28, 10, 0, 0, TimeSpan.Zero);

    public static EventCatalog Catalog { get; } = EventCatalog.Of(typeof(TestEvents).Assembly);

    public static StockReplenished Replenished(string sku = "TEA-1") => new(Guid.CreateVersion7(Now), Now, sku, 1, 1, 1);
}

/// <summary>Abstract, so it is not an event itself.</summary>
internal abstract record TestEvent : IIntegrationEvent
{
    public Guid EventId { get; init; } = Guid.CreateVersion7(TestEvents.Now);

    public DateTimeOffset OccurredAt { get; init; } = TestEvents.Now;

    public string AggregateId => "any";

    public int AggregateVersion => 1;
}

/// <summary>Base of a type without a wire name, which is defined at run time.</summary>
public abstract class NamelessEvent : IIntegrationEvent
{
    public Guid EventId => Guid.Empty;

    public DateTimeOffset OccurredAt => default;

    public string AggregateId => "any";

    public int AggregateVersion => 1;
}

[EventName("test.grown.v1")]
internal sealed record GrownV1(string Size) : TestEvent;

[EventName("test.grown.v2")]
internal sealed record GrownV2(string Size, string By) : TestEvent;

[EventName("test.grown.v3")]
internal sealed record GrownV3(string Size, string By, string Unit) : TestEvent;

internal sealed class GrownStep12 : IVersionStep<GrownV1, GrownV2>
{
    public static GrownV2 Up(GrownV1 old) =>
        old.Size == "broken" ? throw new InvalidOperationException("no step\u001b for it") : new GrownV2(old.Size, "1") { EventId = old.EventId };

    public static GrownV1 Down(GrownV2 current) => new(current.Size) { EventId = current.EventId };
}

internal sealed class GrownStep23 : IVersionStep<GrownV2, GrownV3>
{
    public static GrownV3 Up(GrownV2 old) => new(old.Size, old.By, "cm") { EventId = old.EventId };

    public static GrownV2 Down(GrownV3 current) => new(current.Size, current.By) { EventId = current.EventId };
}

/// <summary>Its constructor throws, with a control character in the message.</summary>
[EventName("test.unreadable.v1")]
internal sealed record Unreadable : TestEvent
{
    public Unreadable(string size) => throw new InvalidOperationException("size\u001b " + size);

    public string Size { get; } = "";
}

/// <summary>Has the wire name of an event of the contracts.</summary>
[EventName("inventory.stock-replenished.v1")]
internal sealed record SameName : TestEvent;

[EventName("test.constrained.v1")]
internal sealed record Constrained(
    [AtLeast(2)] int Count,
    [NotEmpty] string Name,
    [Pattern("^[a-z]{3}$")] string Code,
    [Pattern("[0-9]")] string Digit,
    [NotEmpty] IReadOnlyList<Constrained.Part> Parts,
    IReadOnlyList<int?> Numbers,
    string? Note = null,
    [property: AtLeast(5)] decimal? Amount = null) : TestEvent
{
    public static Constrained Valid { get; } = new(2, "n", "abc", "a1b", [new("x", ["y"])], [1, null]);

    public sealed record Part([NotEmpty] string Sku, IReadOnlyList<string> Tags);
}
