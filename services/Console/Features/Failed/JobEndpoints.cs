using System.Globalization;
using Microsoft.AspNetCore.Mvc;
using Shop.Console.SignIn;
using Shop.Console.Web;
using Shop.Operations;

namespace Shop.Console.Features.Failed;

/// <summary>Many messages at a rate: with progress, and a way to cancel.</summary>
internal static class JobEndpoints
{
    public const int DefaultRate = 50;
    private const int MostPerSecond = 1_000;
    private const int MostShown = 40;
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(1);

    public static void MapJobs(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/jobs/{service}/{id:guid}", async Task<IResult> (string service, Guid id, bool? already, StaffApis services, HttpContext context, CancellationToken ct) =>
            await FindAsync(services, service, id, ct) is { } job
                ? Pages.Of<JobPage>(new { Service = service, Job = job, Already = already == true, MayRedrive = context.User.MayRedrive() })
                : Pages.Say(StatusCodes.Status404NotFound, "There is no such job", "Jobs are kept for some time only. The audit trail on Failed messages says what was done."));
        routes.MapGet("/live/jobs/{service}/{id:guid}", (string service, Guid id, Live live, StaffApis services) => live.Stream<JobProgress>(
            s_interval, async ct => new Dictionary<string, object?> { ["Job"] = await FindAsync(services, service, id, ct) }));
        var changes = routes.MapChanges();
        changes.MapPost("/failed/{queue}/jobs", (string queue, [FromForm] string? kind, [FromForm] string? group, [FromForm] string? perSecond, [FromForm] string? reason,
            StaffApis services, CancellationToken ct) => ShopServices.OfQueue(queue) is { } service
                ? StartAsync(services.Of(service), queue, kind, group, perSecond, reason, ct)
                : Task.FromResult(FailedEndpoints.NoQueue(queue)));
        changes.MapPost("/outbox/{service}/jobs", (string service, [FromForm] string? kind, [FromForm] string? group, [FromForm] string? perSecond, [FromForm] string? reason,
            StaffApis services, CancellationToken ct) => ShopServices.Names.Contains(service)
                ? StartAsync(services.Of(service), JobView.Outbox, kind, group, perSecond, reason, ct)
                : Task.FromResult<IResult>(ParkedEndpoints.NoService()));
        changes.MapPost("/jobs/{service}/{id:guid}/cancel", async Task<IResult> (string service, Guid id, StaffApis services, CancellationToken ct) =>
        {
            if (ShopServices.Names.Contains(service))
            {
                await services.Of(service).CancelJobAsync(id, ct);
            }

            return Results.LocalRedirect($"/jobs/{Uri.EscapeDataString(service)}/{id}");
        });
    }

    private static Task<JobView?> FindAsync(StaffApis services, string service, Guid id, CancellationToken ct) =>
        ShopServices.Names.Contains(service) ? services.Of(service).FindJobAsync(id, ct) : Task.FromResult<JobView?>(null);

    private static async Task<IResult> StartAsync(
        StaffApi service, string queue, string? kind, string? group, string? perSecond, string? reason, CancellationToken ct)
    {
        if (kind is not ("retry" or "discard"))
        {
            return Pages.Say(StatusCodes.Status400BadRequest, "The request cannot be read", "Only sending again and discarding are possible. Go back and load the page again.");
        }

        if (kind == "discard" && string.IsNullOrWhiteSpace(reason))
        {
            return FailedEndpoints.NoReason();
        }

        var rate = DefaultRate;
        if (!string.IsNullOrWhiteSpace(perSecond) && !(int.TryParse(perSecond, NumberStyles.None, CultureInfo.InvariantCulture, out rate) && rate is >= 1 and <= MostPerSecond))
        {
            return Pages.Say(StatusCodes.Status400BadRequest, "This is no rate",
                $"'{(perSecond.Length > MostShown ? perSecond[..MostShown] + "..." : perSecond)}' is not a number from 1 to {MostPerSecond}. Go back and correct it: nothing was sent again or discarded.");
        }

        try
        {
            var job = await service.StartJobAsync(new JobRequest(kind, queue, string.IsNullOrEmpty(group) ? null : group, rate,
                reason?.Trim() is { Length: > 0 } why ? why : null), ct);
            return Results.LocalRedirect($"/jobs/{service.Service}/{job.Id}");
        }
        catch (StaffApiException e) when (e.Status == System.Net.HttpStatusCode.Conflict)
        {
            // A double click, or somebody else's: one job at a time runs on a queue.
            return (await service.JobsAsync(ct)).Find(one => one.IsRunning && one.Queue == queue) is { } running
                ? Results.LocalRedirect($"/jobs/{service.Service}/{running.Id}?already=true")
                : Pages.Say(StatusCodes.Status409Conflict, "Another one has just ended", e.Message);
        }
    }
}
