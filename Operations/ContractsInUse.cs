using System.Text.Json.Nodes;

namespace Shop.Operations;

/// <summary>The events of a service, as its code registers them and as they were seen.</summary>
/// <param name="Since">Counted from here on, at the earliest 24 hours ago.</param>
public sealed record ContractsInUse(
    string Service, DateTimeOffset? Since, IReadOnlyList<PublishedContract> Publishes, IReadOnlyList<ConsumedContract> Consumes,
    IReadOnlyList<DomainEventHandlers> DomainEvents)
{
    /// <summary>Asks a service. One of a version that counts nothing has its AsyncAPI document.</summary>
    public static async Task<ContractsInUse> AskAsync(StaffApi service, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(service);
        return await service.FindAsync<ContractsInUse>("operations/contracts", ct)
            ?? Of(service.Service, await service.GetAsync<JsonObject>("asyncapi/v1.json", ct));
    }

    private static ContractsInUse Of(string service, JsonObject document)
    {
        var operations = (document["operations"]?.AsObject() ?? []).SelectMany(operation => operation.Value!["messages"]!.AsArray().Select(message => (
            Sends: (string?)operation.Value["action"] == "send", Queue: operation.Key[(operation.Key.IndexOf('.', StringComparison.Ordinal) + 1)..],
            Type: ((string)message!["$ref"]!).Split('/')[^1]))).ToList();
        return new ContractsInUse(service, null,
            [.. operations.Where(one => one.Sends).Select(one => new PublishedContract(one.Type, 0, null, false))],
            [.. operations.Where(one => !one.Sends).Select(one => new ConsumedContract(one.Type, one.Queue, 0, null))], []);
    }
}

public sealed record PublishedContract(string Type, long Count, DateTimeOffset? Last, bool Retired);

public sealed record ConsumedContract(string Type, string Queue, long Count, DateTimeOffset? Last);

/// <summary>A domain event with its handlers before and after the commit.</summary>
public sealed record DomainEventHandlers(string Event, IReadOnlyList<string> Before, IReadOnlyList<string> After);
