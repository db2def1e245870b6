namespace Shop.Simulation.Tests;

/// <summary>A fault that a run must contain, so that a bug that was found once stays covered.</summary>
internal enum Emphasis
{
    None,

    /// <summary>Clocks are set back by up to an hour, while events cannot be sent for a while.</summary>
    ClocksSetBack,

    /// <summary>An event makes the broker drop the whole connection each time, and the relays send one at a time.</summary>
    ConnectionsKilled,

    /// <summary>Relays are paused again and again, for longer than their lease lasts.</summary>
    RelaysPaused,

    /// <summary>Transactions stay open for a while after drawing numbers, some for longer than others.</summary>
    WritersLinger,
}
