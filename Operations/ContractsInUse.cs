namespace Shop.Operations;

/// <summary>The events of a service, as its code registers them and as they were seen.</summary>
/// <param name="Since">Counted from here on, at the earliest 24 hours ago.</param>
public sealed record ContractsInUse(
    string Service, DateTimeOffset? Since, IReadOnlyList<PublishedContract> Publishes, IReadOnlyList<ConsumedContract> Consumes,
    IReadOnlyList<DomainEventHandlers> DomainEvents)
{
    /// <summary>Asks a service.</summary>
    public static Task<ContractsInUse> AskAsync(StaffApi service, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(service);
        return service.GetAsync<ContractsInUse>("operations/contracts", ct);
    }
}

public sealed record PublishedContract(string Type, long Count, DateTimeOffset? Last, bool Retired);

public sealed record ConsumedContract(string Type, string Queue, long Count, DateTimeOffset? Last);

/// <summary>A domain event with its handlers before and after the commit.</summary>
public sealed record DomainEventHandlers(string Event, IReadOnlyList<string> Before, IReadOnlyList<string> After);
