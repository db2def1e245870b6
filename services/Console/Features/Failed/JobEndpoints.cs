using Microsoft.AspNetCore.Mvc;
using Shop.Console.SignIn;
using Shop.Console.Web;
using Shop.Operations;

namespace Shop.Console.Features.Failed;

/// <summary>Many messages at a rate: with progress, and a way to cancel.</summary>
internal static class JobEndpoints
{
    private const int DefaultRate = 50;
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(1);

    public static void MapJobs(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/jobs/{service}/{id:guid}", async Task<IResult> (string service, Guid id, StaffApis services, HttpContext context, CancellationToken ct) =>
            await FindAsync(services, service, id, ct) is { } job
                ? Pages.Of<JobPage>(new { Service = service, Job = job, MayRedrive = context.User.MayRedrive() })
                : Pages.Say(StatusCodes.Status404NotFound, "There is no such job", "Jobs are kept for some time only. The audit trail on Failed messages says what was done."));
        routes.MapGet("/live/jobs/{service}/{id:guid}", (string service, Guid id, Live live, StaffApis services) => live.Stream<JobProgress>(
            s_interval, async ct => new Dictionary<string, object?> { ["Job"] = await FindAsync(services, service, id, ct) }));
        var changes = routes.MapChanges();
        changes.MapPost("/failed/{queue}/jobs", StartAsync);
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
        string queue, [FromForm] string? kind, [FromForm] string? group, [FromForm] int? perSecond, [FromForm] string? reason,
        StaffApis services, CancellationToken ct)
    {
        if (ShopServices.OfQueue(queue) is not { } service)
        {
            return FailedEndpoints.NoQueue(queue);
        }

        if (kind == "discard" && string.IsNullOrWhiteSpace(reason))
        {
            return FailedEndpoints.NoReason();
        }

        var job = await services.Of(service).StartJobAsync(new JobRequest(kind == "discard" ? "discard" : "retry", queue,
            string.IsNullOrEmpty(group) ? null : group, perSecond ?? DefaultRate, reason?.Trim() is { Length: > 0 } why ? why : null), ct);
        return Results.LocalRedirect($"/jobs/{service}/{job.Id}");
    }
}
