namespace Shop.Ordering.Domain;

internal enum CauseKind
{
    /// <summary>The customer whose order it is.</summary>
    Customer,

    /// <summary>A member of the staff.</summary>
    Staff,

    /// <summary>An event of another service.</summary>
    Event,

    /// <summary>Inventory did not answer before the deadline.</summary>
    Deadline,
}

/// <summary>Who or what caused a change of an order.</summary>
/// <param name="Kind">The kind of cause.</param>
/// <param name="Name">The caller's id or the event's wire name; null for other kinds.</param>
internal sealed record Cause(CauseKind Kind, string? Name = null)
{
    /// <summary>Inventory did not answer before the deadline.</summary>
    public static Cause Deadline { get; } = new(CauseKind.Deadline);

    /// <summary>An event of another service, by its wire name.</summary>
    public static Cause Event(string name) => new(CauseKind.Event, name);
}
