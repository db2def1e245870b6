namespace Shop.ServiceDefaults.Hosting.WarmUp;

/// <summary>
/// What a service goes through once, before it says that it is ready, so that its first callers do not wait for the just-in-time
/// compiler. It plays the service's own requests and events; nothing of it is kept.
/// </summary>
public interface IRehearsal
{
    /// <summary>Plays. What it throws is logged and keeps nobody from starting.</summary>
    Task PlayAsync(Stage stage, CancellationToken ct);
}

/// <summary>
/// Marks the scopes whose work is a rehearsal: their transactions end by rolling back, and ring no bell. It goes with a message in
/// the process only, never over the wire.
/// </summary>
internal sealed class RehearsalMark
{
    public bool IsSet { get; set; }

    /// <summary>What a consumer threw: not to be tried again, and no dead letter.</summary>
    public Exception? Failure { get; set; }
}
