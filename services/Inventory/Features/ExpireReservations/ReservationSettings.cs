using System.ComponentModel.DataAnnotations;

namespace Shop.Inventory.Features.ExpireReservations;

/// <summary>How long stock stays set aside; the section <c>Inventory</c> of the configuration overrides the defaults.</summary>
internal sealed class ReservationSettings
{
    /// <summary>
    /// How long stock stays set aside for an order that is not shipped, one day by default. Longer than the warehouse takes to
    /// ship. A change is for new reservations: those that are there keep what they were promised.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "365.00:00:00",
        ErrorMessage = "Inventory:ReservationLifetime must be from 00:00:01 to 365.00:00:00 (days.hours:minutes:seconds).")]
    public TimeSpan ReservationLifetime { get; init; } = TimeSpan.FromDays(1);

    /// <summary>How often each instance looks for reservations that expired.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "1.00:00:00",
        ErrorMessage = "Inventory:SweepInterval must be from 00:00:00.010 to 1.00:00:00 (days.hours:minutes:seconds).")]
    public TimeSpan SweepInterval { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Expired reservations that are looked up at once.</summary>
    [Range(1, 10_000, ErrorMessage = "Inventory:SweepBatch must be from 1 to 10000.")]
    public int SweepBatch { get; init; } = 200;
}
