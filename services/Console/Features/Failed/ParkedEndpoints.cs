using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Shop.Console.Views;
using Shop.Console.Web;
using Shop.Operations;

namespace Shop.Console.Features.Failed;

/// <summary>Parked events of an outbox: retry now, or discard the first of a stream.</summary>
internal static class ParkedEndpoints
{
    public static void MapParked(this IEndpointRouteBuilder routes)
    {
        var changes = routes.MapChanges();
        changes.MapPost("/outbox/{service}/retry", async Task<IResult> (string service, [FromForm] string? stream, StaffApis services, CancellationToken ct) =>
            ShopServices.Names.Contains(service)
                ? Results.LocalRedirect($"/outbox/{service}?retried={await services.Of(service).RetryOutboxAsync(string.IsNullOrEmpty(stream) ? null : stream, ct)}")
                : NoService());
        changes.MapPost("/outbox/{service}/{seq:long}/discard",
            async Task<IResult> (string service, long seq, [FromForm] string? reason, [FromForm] int? behind, StaffApis services, CancellationToken ct) =>
                !ShopServices.Names.Contains(service) ? NoService()
                : string.IsNullOrWhiteSpace(reason) ? FailedEndpoints.NoReason()
                : Results.LocalRedirect($"/outbox/{service}?discarded={await services.Of(service).DiscardParkedAsync(seq, reason.Trim(), behind ?? 0, ct)}"));
    }

    internal static RazorComponentResult<MessagePage> NoService() => Pages.Say(StatusCodes.Status404NotFound, "There is no such service", $"There are {string.Join(", ", ShopServices.Names)}.");
}
