namespace Shop.Simulation.Tests;

/// <summary>What a negative control removes: the simulation must detect each.</summary>
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

    /// <summary>Claims begin above what was seen a while ago, although open transactions may still commit lower numbers.</summary>
    FloorThatWaitsForNobody,

    /// <summary>Claims do not start lower after a partition was acquired.</summary>
    FloorKeptForNewPartition,

    /// <summary>Unroutable messages are confirmed and dropped.</summary>
    NotMandatory,

    /// <summary>Locks expire while the session that held them keeps running.</summary>
    LockWithoutFence,
}
