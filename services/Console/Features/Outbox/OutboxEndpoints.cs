using Shop.Console.SignIn;
using Shop.Console.Web;
using Shop.Operations;

namespace Shop.Console.Features.Outbox;

internal static class OutboxEndpoints
{
    public static void MapOutbox(this IEndpointRouteBuilder routes) => routes.MapGet("/outbox/{service}",
        async Task<IResult> (string service, string? group, int? retried, int? discarded, StaffApis services, HttpContext context, TimeProvider clock, CancellationToken ct) =>
        {
            if (!ShopServices.Names.Contains(service))
            {
                return Pages.Say(StatusCodes.Status404NotFound, "There is no such service", $"There are {string.Join(", ", ShopServices.Names)}.");
            }

            var api = services.Of(service);
            var outbox = Answer.OrUnknownAsync(service, () => api.OutboxAsync(ct), ct);
            var parked = Answer.OrUnknownAsync(service, () => api.ParkedAsync(group, ct), ct);
            var groups = Answer.OrUnknownAsync(service, () => api.ParkedGroupsAsync(ct), ct);
            return Pages.Of<OutboxPage>(new
            {
                Service = service,
                Outbox = await outbox,
                Groups = await groups,
                Parked = await parked,
                Group = string.IsNullOrEmpty(group) ? null : group,
                MayRedrive = context.User.MayRedrive(),
                Done = retried is { } streams ? $"{Words.Count(streams, "stream")} retried now." : discarded is { } events ? $"{Words.Count(events, "event")} discarded." : null,
                Now = clock.GetUtcNow(),
            });
        });
}
