using Microsoft.Extensions.DependencyInjection;
using RabbitMQ.Client;

namespace Shop.Messaging.Operations;

/// <summary>What to do with many dead letters, or with many parked events.</summary>
/// <param name="Kind">retry or discard.</param>
/// <param name="Queue">The queue whose dead letters are moved; <c>outbox</c> for the parked events.</param>
/// <param name="Group">Only this group; null for all.</param>
/// <param name="PerSecond">How many a second at most.</param>
/// <param name="Reason">Why they are discarded; null for a retry.</param>
/// <param name="By">Who wants it: the token's subject.</param>
public sealed record RedriveOrder(string Kind, string Queue, string? Group, int PerSecond, string? Reason, string By)
{
    /// <summary>Names the outbox where others name a queue, whose names have a dot.</summary>
    public const string Outbox = "outbox";
}

/// <summary>A retry, or a discard, of many dead letters or parked events, and how far it is.</summary>
/// <param name="Id">The job.</param>
/// <param name="Kind">retry or discard.</param>
/// <param name="Queue">The queue whose dead letters are moved; <c>outbox</c> for the parked events.</param>
/// <param name="Group">Only this group; null for all.</param>
/// <param name="PerSecond">How many a second at most.</param>
/// <param name="Reason">Why they are discarded; null for a retry.</param>
/// <param name="By">Who started it.</param>
/// <param name="State">running, finished, cancelled, failed, or interrupted: its instance ended.</param>
/// <param name="Total">How many there were at the start; of parked events, the first ones of their streams.</param>
/// <param name="Moved">How many were moved so far.</param>
/// <param name="Left">How many the broker rejected.</param>
/// <param name="StartedAt">When it started.</param>
/// <param name="EndedAt">When it ended; null while it runs.</param>
/// <param name="Error">Why it failed.</param>
/// <param name="CancelledBy">Who cancelled it.</param>
public sealed record RedriveJob(
    Guid Id, string Kind, string Queue, string? Group, int PerSecond, string? Reason, string By, string State, int Total, int Moved, int Left,
    DateTimeOffset StartedAt, DateTimeOffset? EndedAt, string? Error, string? CancelledBy)
{
    internal const string Retry = "retry";
    internal const string Discard = "discard";
    internal const string Running = "running";
}

/// <summary>What one job moves.</summary>
internal interface IRedrive
{
    /// <summary>How many there are to move.</summary>
    Task<int> CountAsync(CancellationToken ct);

    /// <summary>Moves a second's worth: how many, and how many were rejected so far. None are moved once all have been.</summary>
    Task<Moved> StepAsync(CancellationToken stopping);
}

/// <summary>Dead letters of one queue.</summary>
internal sealed class DeadLetterRedrive(Guid job, RedriveOrder order, IServiceScopeFactory scopes) : IRedrive
{
    private const int MostCounted = 1_000;

    private readonly JobSelection _selection = new(order.Group, order.PerSecond);

    public async Task<int> CountAsync(CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        var letters = await scope.ServiceProvider.GetRequiredService<DeadLetterQueues>().ListAsync(order.Queue, MostCounted, ct);
        return letters.Count(letter => order.Group is null || letter.Group == order.Group);
    }

    public async Task<Moved> StepAsync(CancellationToken stopping)
    {
        await using var scope = scopes.CreateAsyncScope();
        var queues = scope.ServiceProvider.GetRequiredService<DeadLetterQueues>();
        return order.Kind == RedriveJob.Discard
            ? await queues.DiscardAsync(order.Queue, _selection, order.Reason ?? "", order.By, job, stopping)
            : await queues.RetryAsync(order.Queue, _selection, stopping);
    }
}

/// <summary>One step of a job: a second's worth of a group, or of all, without those that the job has moved and that failed again.</summary>
internal sealed class JobSelection(string? group, int atMost) : Selection(id: null)
{
    private readonly Dictionary<(string Id, string? Type), int> _deaths = [];

    public override bool IsAll => false;

    public override int AtMost => atMost;

    public override bool Selects(string queue, BasicGetResult message)
    {
        var letter = DeadLetter.Of(queue, message);
        return (group is null || letter.Group == group)
            && !(_deaths.TryGetValue((letter.Id, letter.EventType), out var deaths) && letter.Deaths > deaths);
    }

    public override void Moved(string queue, BasicGetResult message)
    {
        var letter = DeadLetter.Of(queue, message);
        _deaths[(letter.Id, letter.EventType)] = letter.Deaths;
    }
}
