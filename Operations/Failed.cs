namespace Shop.Operations;

/// <summary>Dead letters that failed in the same way.</summary>
/// <param name="Group">Its id.</param>
/// <param name="Frame">The shop's own frame at the top of the stack.</param>
/// <param name="Sample">The id of one of them.</param>
public sealed record DeadLetterGroup(
    string Group, string Queue, string? EventType, string? Exception, string? Frame, string Why, int Count,
    DateTimeOffset? Oldest, DateTimeOffset? Newest, string Sample);

/// <param name="Truncated">There are more messages than were read.</param>
public sealed record DeadLetterGroups(IReadOnlyList<DeadLetterGroup> Groups, bool Truncated);

/// <summary>Sending again, or discarding, many messages at a rate.</summary>
/// <param name="State">running, finished, cancelled, failed or interrupted.</param>
/// <param name="Left">Those that the broker rejected.</param>
public sealed record JobView(
    Guid Id, string Kind, string Queue, string? Group, int PerSecond, string? Reason, string By, string State, int Total, int Moved, int Left,
    DateTimeOffset StartedAt, DateTimeOffset? EndedAt, string? Error, string? CancelledBy)
{
    /// <summary>In the place of a queue: the parked events, by the first of each stream.</summary>
    public const string Outbox = "outbox";

    public bool IsRunning => State == "running";

    /// <summary>One line about it.</summary>
    public string Line => $"{(Kind == "retry" ? "Send again" : "Discard")} {(Queue == Outbox ? Words.Count(Total, "parked stream") : $"{Words.Count(Total, "message")} of {Queue}")}: {State}, {Moved} {(Kind == "retry" ? "sent again" : "discarded")}"
        + (Left == 0 ? "" : Queue == Outbox ? $", {Left} of them refused again" : $", {Left} refused by the broker") + (CancelledBy is { } who ? $", cancelled by {who}" : "") + (Error is { } error ? $" ({error})" : "");
}

/// <summary>What to do with many messages.</summary>
/// <param name="Queue">Or <see cref="JobView.Outbox"/>.</param>
public sealed record JobRequest(string Kind, string Queue, string? Group, int PerSecond, string? Reason);

/// <summary>An event that the broker refused, or one behind it.</summary>
/// <param name="Seq">Its row.</param>
/// <param name="Behind">How many are parked behind it.</param>
public sealed record ParkedEvent(
    long Seq, Guid EventId, string Stream, string Type, bool IsHead, int Behind, DateTimeOffset Since, int Attempts, DateTimeOffset? NextAttempt, string? Error,
    IReadOnlyDictionary<string, string>? Headers, string? Body);

/// <summary>Parked streams whose first event was refused in the same way.</summary>
/// <param name="Group">Its id; empty from a service of a version before it had groups.</param>
/// <param name="Behind">How many events wait behind the first ones.</param>
/// <param name="Attempts">Of the one that was tried most.</param>
public sealed record ParkedGroup(string Group, string Type, string Error, long Streams, long Behind, DateTimeOffset Since, int Attempts);

/// <summary>What somebody of the staff has done.</summary>
public sealed record AuditEntry(DateTimeOffset At, string By, string Action, string Target, string? Reason, int? Count, string? Detail);

/// <summary>
/// The part of a service's staff API for what failed. A service of a version before it had groups and jobs, as in a rolling upgrade, is asked
/// for its dead letters and its outbox.
/// </summary>
public static class FailedApi
{
    /// <summary>Reads the messages: for a view, not for each second.</summary>
    public static async Task<DeadLetterGroups> DeadLetterGroupsAsync(this StaffApi service, CancellationToken ct)
    {
        if (await service.FindAsync<DeadLetterGroups>("dead-letters/groups?limit=1000", ct) is { } groups)
        {
            return groups;
        }

        var letters = await service.DeadLettersAsync(queue: null, ct);
        return new DeadLetterGroups([.. letters.GroupBy(letter => (letter.Queue, letter.EventType, letter.Why)).Select(group => new DeadLetterGroup(
            "", group.Key.Queue, group.Key.EventType, null, null, group.Key.Why, group.Count(),
            group.Min(letter => letter.FirstDeath), group.Max(letter => letter.FirstDeath), group.First().Id))], Truncated: false);
    }

    public static Task<List<DeadLetterView>> DeadLettersOfGroupAsync(this StaffApi service, string queue, string group, CancellationToken ct) =>
        service.GetAsync<List<DeadLetterView>>($"dead-letters?limit=200&queue={Uri.EscapeDataString(queue)}&group={Uri.EscapeDataString(group)}", ct);

    public static Task<JobView> StartJobAsync(this StaffApi service, JobRequest job, CancellationToken ct) => service.PostAsync<JobView>("operations/jobs", job, ct);

    public static async Task<List<JobView>> JobsAsync(this StaffApi service, CancellationToken ct) => await service.FindAsync<List<JobView>>("operations/jobs", ct) ?? [];

    public static Task<JobView?> FindJobAsync(this StaffApi service, Guid id, CancellationToken ct) => service.FindAsync<JobView>($"operations/jobs/{id}", ct);

    public static Task<JobView> CancelJobAsync(this StaffApi service, Guid id, CancellationToken ct) => service.DeleteAsync<JobView>($"operations/jobs/{id}", ct);

    public static async Task<List<ParkedGroup>> ParkedGroupsAsync(this StaffApi service, CancellationToken ct) =>
        await service.FindAsync<List<ParkedGroup>>("outbox/parked/groups", ct) ?? [.. (await service.OutboxAsync(ct)).Streams.GroupBy(stream => (stream.Type, stream.Error))
            .Select(group => new ParkedGroup("", group.Key.Type, group.Key.Error, group.Count(), group.Sum(stream => stream.Events - 1),
                group.Min(stream => stream.Since), group.Max(stream => stream.Attempts)))];

    /// <summary>At most 200, of all or of one group.</summary>
    public static async Task<List<ParkedEvent>> ParkedAsync(this StaffApi service, string? group, CancellationToken ct) =>
        await service.FindAsync<List<ParkedEvent>>("outbox/parked?limit=200" + (string.IsNullOrEmpty(group) ? "" : $"&group={Uri.EscapeDataString(group)}"), ct) ?? [.. (await service.OutboxAsync(ct)).Streams.Select(stream => new ParkedEvent(
            0, stream.EventId, stream.Stream, stream.Type, true, (int)stream.Events - 1, stream.Since, stream.Attempts, stream.NextAttempt, stream.Error, null, null))];

    /// <param name="behind">How many later events of the stream are then sent without it: as the person saw it.</param>
    /// <returns>How many were discarded.</returns>
    public static async Task<int> DiscardParkedAsync(this StaffApi service, long seq, string reason, int behind, CancellationToken ct) =>
        (await service.PostAsync<Discarded>($"outbox/parked/{seq}/discard", new { reason, behind }, ct)).Count;

    public static async Task<List<AuditEntry>> AuditAsync(this StaffApi service, CancellationToken ct) =>
        await service.FindAsync<List<AuditEntry>>("operations/audit?limit=100", ct) ?? [];

    private sealed record Discarded(int Count);
}
