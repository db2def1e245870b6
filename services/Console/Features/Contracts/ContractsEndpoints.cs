using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Shop.Console.Web;
using Shop.Contracts;
using Shop.Operations;
using Shop.Operations.Contracts;

namespace Shop.Console.Features.Contracts;

/// <summary>One version of an event: who publishes and who consumes it, and how often in the last 24 hours.</summary>
/// <param name="Name">Its wire name.</param>
/// <param name="Newer">The version that supersedes it.</param>
/// <param name="IsCounted">Whether all services have counted what they saw.</param>
public sealed record ContractRow(
    string Name, string? Newer, bool IsCounted, IReadOnlyList<(string Service, PublishedContract Seen)> Publishers, IReadOnlyList<(string Service, ConsumedContract Seen)> Consumers)
{
    public long Published => Publishers.Sum(publisher => publisher.Seen.Count);

    public DateTimeOffset? Last => Publishers.Select(publisher => publisher.Seen.Last).Max();

    /// <summary>Whether an older version can go: nobody consumes it, or nobody has published it since.</summary>
    public string? CanGo => Newer is null ? null
        : Consumers.Count == 0 ? "yes: nobody consumes it"
        : Publishers.Count > 0 && Publishers.All(publisher => publisher.Seen.Retired) ? "yes: nobody publishes it any more"
        : !IsCounted ? "not known: it is not counted"
        : Consumers.All(consumer => consumer.Seen.Count == 0) ? "soon: its consumers have not received it in this time"
        : "no: it is consumed";
}

/// <summary>The events of the shop, by the contracts and by what the services have seen.</summary>
internal static class ContractsEndpoints
{
    private static readonly JsonSerializerOptions s_readable = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static void MapContracts(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/contracts", async (StaffApis services, TimeProvider clock, CancellationToken ct) =>
        {
            var answers = await services.AskAllAsync(service => ContractsInUse.AskAsync(service, ct), ct);
            return Pages.Of<ContractsPage>(new { Rows = Rows(answers), Answers = answers, Now = clock.GetUtcNow() });
        });
        routes.MapGet("/contracts/{name}", async Task<IResult> (string name, StaffApis services, TimeProvider clock, CancellationToken ct) =>
        {
            if (ShopEvents.Catalog.TypeOf(name) is not { } type || ShopEvents.Catalog.SchemaOf(name) is not { } schema)
            {
                return Pages.Say(StatusCodes.Status404NotFound, "There is no such event", $"{name} is not an event of this version of the contracts.");
            }

            var answers = await services.AskAllAsync(service => ContractsInUse.AskAsync(service, ct), ct);
            var before = ShopEvents.Catalog.OlderThan(type) is { } older ? ShopEvents.Catalog.NameOf(older) : null;
            return Pages.Of<ContractPage>(new
            {
                Row = Rows(answers).First(row => row.Name == name),
                Answers = answers,
                Schema = JsonNode.Parse(schema)!.AsObject(),
                SchemaText = Readable(schema),
                Example = ShopEvents.Catalog.ExamplesOf(name) is [var first, ..] ? Readable(first) : null,
                Before = before,
                Changes = before is null ? [] : SchemaComparison.Compare(name, JsonNode.Parse(ShopEvents.Catalog.SchemaOf(before)!)!.AsObject(), JsonNode.Parse(schema)!.AsObject()),
                Now = clock.GetUtcNow(),
            });
        });
    }

    private static string Readable(string json) => JsonNode.Parse(json)!.ToJsonString(s_readable);

    private static List<ContractRow> Rows(IReadOnlyList<Answer<ContractsInUse>> answers) =>
    [
        .. ShopEvents.Catalog.Names.Order(StringComparer.Ordinal).Select(name => new ContractRow(
            name,
            ShopEvents.Catalog.NewerThan(ShopEvents.Catalog.TypeOf(name)!) is { } newer ? ShopEvents.Catalog.NameOf(newer) : null,
            answers.All(answer => answer.Value?.Since is not null),
            [.. answers.SelectMany(answer => (answer.Value?.Publishes ?? []).Where(seen => seen.Type == name).Select(seen => (answer.Service, seen)))],
            [.. answers.SelectMany(answer => (answer.Value?.Consumes ?? []).Where(seen => seen.Type == name).Select(seen => (answer.Service, seen)))])),
    ];
}
