using Microsoft.AspNetCore.Mvc;
using Shop.Console.SignIn;
using Shop.Console.Web;
using Shop.Operations;

namespace Shop.Console.Features.Failed;

/// <summary>All that failed, of all services.</summary>
public sealed record FailedModel(
    IReadOnlyList<Answer<DeadLetterGroups>> Groups, IReadOnlyList<Answer<List<ParkedGroup>>> Parked, IReadOnlyList<Answer<List<JobView>>> Jobs,
    IReadOnlyList<Answer<List<AuditEntry>>> Audit, DateTimeOffset Now)
{
    public IReadOnlyList<DeadLetterGroup> AllGroups =>
        [.. Groups.SelectMany(answer => answer.Value?.Groups ?? []).OrderByDescending(group => group.Count)];

    public IReadOnlyList<(string Service, ParkedGroup Group)> AllParked =>
        [.. Parked.SelectMany(answer => (answer.Value ?? []).Select(one => (answer.Service, one))).OrderByDescending(one => one.one.Streams)];

    public IReadOnlyList<(string Service, JobView Job)> AllJobs =>
        [.. Jobs.SelectMany(answer => (answer.Value ?? []).Select(job => (answer.Service, job))).OrderByDescending(job => job.job.StartedAt)];

    public IReadOnlyList<(string Service, AuditEntry Entry)> AllAudit =>
        [.. Audit.SelectMany(answer => (answer.Value ?? []).Select(entry => (answer.Service, entry))).OrderByDescending(entry => entry.entry.At)];
}

/// <summary>Dead letters of all services: groups, the messages of a queue or a group, one message.</summary>
internal static class FailedEndpoints
{
    public static void MapFailed(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/failed", ListAsync);
        routes.MapGet("/failed/{queue}", QueueAsync);
        routes.MapGet("/failed/{queue}/{id}", MessageAsync);
        var changes = routes.MapChanges();
        changes.MapPost("/failed/{queue}/{id}/retry", RetryAsync);
        changes.MapPost("/failed/{queue}/{id}/discard", DiscardAsync);
    }

    private static async Task<IResult> ListAsync(StaffApis services, TimeProvider clock, CancellationToken ct)
    {
        var groups = services.AskAllAsync(service => service.DeadLetterGroupsAsync(ct), ct);
        var parked = services.AskAllAsync(service => service.ParkedGroupsAsync(ct), ct);
        var jobs = services.AskAllAsync(service => service.JobsAsync(ct), ct);
        var audit = services.AskAllAsync(service => service.AuditAsync(ct), ct);
        return Pages.Of<FailedPage>(new { Model = new FailedModel(await groups, await parked, await jobs, await audit, clock.GetUtcNow()) });
    }

    private static async Task<IResult> QueueAsync(
        string queue, string? group, string? done, int? count, StaffApis services, HttpContext context, TimeProvider clock, CancellationToken ct)
    {
        if (ShopServices.OfQueue(queue) is not { } service)
        {
            return NoQueue(queue);
        }

        var api = services.Of(service);
        var letters = group is null ? await api.DeadLettersAsync(queue, ct) : await api.DeadLettersOfGroupAsync(queue, group, ct);
        var groups = await Answer.OrUnknownAsync(service, () => api.DeadLetterGroupsAsync(ct), ct);
        return Pages.Of<QueuePage>(new
        {
            Queue = queue,
            Group = group,
            Letters = letters,
            Summary = groups.Value?.Groups.FirstOrDefault(one => one.Group == group),
            Done = DoneText(done, count),
            MayRedrive = context.User.MayRedrive(),
            Now = clock.GetUtcNow(),
        });
    }

    private static async Task<IResult> MessageAsync(
        string queue, string id, StaffApis services, HttpContext context, TimeProvider clock, CancellationToken ct)
    {
        if (ShopServices.OfQueue(queue) is not { } service)
        {
            return NoQueue(queue);
        }

        return await services.Of(service).FindDeadLetterAsync(queue, id, ct) is { } content
            ? Pages.Of<DeadLetterPage>(new { Queue = queue, Content = content, MayRedrive = context.User.MayRedrive(), Now = clock.GetUtcNow() })
            : Pages.Say(StatusCodes.Status404NotFound, "This message is not here any more",
                $"It was sent again or discarded: {queue} has no dead letter {id}. The audit trail on Failed messages says by whom.");
    }

    private static async Task<IResult> RetryAsync(string queue, string id, StaffApis services, CancellationToken ct) =>
        ShopServices.OfQueue(queue) is { } service
            ? Results.LocalRedirect(Back(queue, "retried", (await services.Of(service).RetryDeadLettersAsync(queue, id, ct)).Count))
            : NoQueue(queue);

    private static async Task<IResult> DiscardAsync(string queue, string id, [FromForm] string? reason, StaffApis services, CancellationToken ct) =>
        ShopServices.OfQueue(queue) is not { } service ? NoQueue(queue)
        : string.IsNullOrWhiteSpace(reason) ? NoReason()
        : Results.LocalRedirect(Back(queue, "discarded", (await services.Of(service).DiscardAsync(queue, id, reason.Trim(), ct)).Count));

    internal static IResult NoReason() => Pages.Say(StatusCodes.Status400BadRequest, "A reason is missing",
        "Who finds it later wants to know why it was discarded. Go back and write it: at most 500 characters on one line.");

    internal static IResult NoQueue(string queue) => Pages.Say(StatusCodes.Status404NotFound, "There is no such queue",
        $"{queue} is not a queue of {string.Join(", ", ShopServices.Names)}. Queues have names like inventory.order-placed.");

    private static string Back(string queue, string done, int count) => $"/failed/{Uri.EscapeDataString(queue)}?done={done}&count={count}";

    private static string? DoneText(string? done, int? count) => (done, count) switch
    {
        ("retried", 0) => "nothing was sent again: it was sent or discarded before. Failed messages says by whom.",
        ("retried", { } sent) => $"{Words.Count(sent, "message")} sent again. If it fails again, it comes back here.",
        ("discarded", 0) => "nothing was discarded: it was sent again or discarded before. Failed messages says by whom.",
        ("discarded", { } gone) => $"{Words.Count(gone, "message")} discarded, and kept with the reason.",
        _ => null,
    };
}
