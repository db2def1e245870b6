namespace Shop.Analytics.Features.Projections;

/// <summary>
/// One rebuild of one projection. It reads the events of earlier epochs: each event logged from its own
/// epoch on is applied to the shadow table by the transaction that logs it.
/// </summary>
internal sealed class ProjectionRebuild
{
    public const string Running = "running";
    public const string Done = "done";
    public const string Failed = "failed";

    public required Guid Id { get; init; }

    public required string Projection { get; init; }

    public string State { get; init; } = Running;

    /// <summary>The first epoch that it does not read.</summary>
    public required int Epoch { get; init; }

    /// <summary>The day from which it is rebuilt; earlier rows are kept. Null for all of it.</summary>
    public DateOnly? FromDay { get; init; }

    /// <summary>Events to read; null until they are counted.</summary>
    public long? EventsTotal { get; init; }

    public long EventsDone { get; init; }

    /// <summary>Its position in the log: the last event that was read.</summary>
    public required DateTimeOffset AfterTime { get; init; }

    public required Guid AfterEvent { get; init; }

    public required DateTimeOffset StartedAt { get; init; }

    public DateTimeOffset? FinishedAt { get; init; }

    public string? Error { get; init; }
}
