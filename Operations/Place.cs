namespace Shop.Operations;

/// <summary>What kind of place to look at.</summary>
public enum PlaceKind
{
    /// <summary>A service's outbox.</summary>
    Outbox,

    /// <summary>The dead letters of a queue, or of all queues of a service.</summary>
    DeadLetters,

    /// <summary>What was discarded of a queue, or of a service's outbox, by whom and why.</summary>
    Discarded,

    /// <summary>A service's log.</summary>
    Log,

    /// <summary>Inventory's stock against its ledger.</summary>
    Stock,

    /// <summary>What runs.</summary>
    Status,
}

/// <summary>Where to look next: a command of <c>./shop</c>, and a page of the console.</summary>
/// <param name="Kind">The kind of place.</param>
/// <param name="Name">The service, or the queue.</param>
public sealed record Place(PlaceKind Kind, string Name)
{
    /// <summary>The command.</summary>
    public string Command => Kind switch
    {
        PlaceKind.Outbox => $"./shop outbox {Name}",
        PlaceKind.DeadLetters when Name.Contains('.', StringComparison.Ordinal) => $"./shop dead-letters {Name}",
        PlaceKind.DeadLetters => "./shop dead-letters",
        PlaceKind.Discarded when Name.Contains('.', StringComparison.Ordinal) => "./shop dead-letters --discarded",
        PlaceKind.Discarded => $"./shop outbox {Name}",
        PlaceKind.Log => $"./shop logs {Name}",
        PlaceKind.Stock => "run Inventory's verify-stock",
        _ => "./shop status",
    };
}
