using System.ComponentModel.DataAnnotations;

namespace Shop.Inventory.Features;

/// <summary>The lifetime of reservations; the configuration section <c>Inventory</c> overrides the defaults.</summary>
internal sealed class ReservationSettings
{
    /// <summary>
    /// How long stock stays reserved for an order that is not shipped, one day by default. Longer than the warehouse needs to
    /// ship. A change applies to new reservations only.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "365.00:00:00",
        ErrorMessage = "Inventory:ReservationLifetime must be from 00:00:01 to 365.00:00:00 (days.hours:minutes:seconds).")]
    public TimeSpan ReservationLifetime { get; init; } = TimeSpan.FromDays(1);

    /// <summary>How often each instance looks for expired reservations.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "1.00:00:00",
        ErrorMessage = "Inventory:SweepInterval must be from 00:00:00.010 to 1.00:00:00 (days.hours:minutes:seconds).")]
    public TimeSpan SweepInterval { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How many expired reservations are read per query.</summary>
    [Range(1, 10_000, ErrorMessage = "Inventory:SweepBatch must be from 1 to 10000.")]
    public int SweepBatch { get; init; } = 200;
}
