namespace Shop.Simulation.Tests;

/// <summary>What a negative control takes away: the simulation must notice each.</summary>
internal enum Weakness
{
    None,

    /// <summary>Consumers act without an inbox row.</summary>
    NoInbox,

    /// <summary>Deliveries are acknowledged before the consumer's commit.</summary>
    AcknowledgeBeforeCommit,

    /// <summary>Rows are deleted, and that is committed, before the broker's confirm.</summary>
    DeleteBeforeConfirm,

    /// <summary>Rows are read by "number greater than the last one".</summary>
    IdCursor,

    /// <summary>Claims begin above the highest number that was seen.</summary>
    FloorAtHighestSeen,

    /// <summary>Claims begin above what was seen a while ago, whoever may still commit lower numbers.</summary>
    FloorThatWaitsForNobody,

    /// <summary>Claims begin where they did before a partition came in.</summary>
    FloorKeptForNewPartition,

    /// <summary>What no queue is bound for is confirmed and dropped.</summary>
    NotMandatory,

    /// <summary>Locks run out while the session that held them goes on.</summary>
    LockWithoutFence,
}
