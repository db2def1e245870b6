namespace Shop.Ordering.Domain;

internal enum CauseKind
{
    /// <summary>The customer whose order it is.</summary>
    Customer,

    /// <summary>A member of the staff.</summary>
    Staff,

    /// <summary>An event of another service.</summary>
    Event,

    /// <summary>The time for an answer ran out.</summary>
    Deadline,
}

/// <summary>Who or what made an order change. Each command says so itself.</summary>
/// <param name="Kind">What sort of cause.</param>
/// <param name="Name">The caller's id or the event's wire name; null where the kind says it all.</param>
internal sealed record Cause(CauseKind Kind, string? Name = null)
{
    /// <summary>The time for Inventory's answer ran out.</summary>
    public static Cause Deadline { get; } = new(CauseKind.Deadline);

    /// <summary>An event of another service, by its wire name.</summary>
    public static Cause Event(string name) => new(CauseKind.Event, name);
}
