using System.Diagnostics;
using System.Text.Json.Serialization;
using Ledger.Contracts.V1;

namespace Ledger;

/// <summary>What happened to an account: its only state. These are domain events: private, and never published as they are.</summary>
[JsonDerivedType(typeof(Opened), "opened")]
[JsonDerivedType(typeof(Deposited), "deposited")]
[JsonDerivedType(typeof(Withdrawn), "withdrawn")]
internal abstract record AccountEvent(DateTimeOffset At);

internal sealed record Opened(string Owner, DateTimeOffset At) : AccountEvent(At);

internal sealed record Deposited(decimal Amount, DateTimeOffset At) : AccountEvent(At);

internal sealed record Withdrawn(decimal Amount, DateTimeOffset At) : AccountEvent(At);

/// <summary>An account is what its events add up to. Its methods decide and change nothing: the events that they return do.</summary>
internal sealed record Account(int Version = 0, decimal Balance = 0)
{
    public static Account From(IEnumerable<AccountEvent> events) => events.Aggregate(new Account(), (account, e) => e switch
    {
        Deposited deposited => new Account(account.Version + 1, account.Balance + deposited.Amount),
        Withdrawn withdrawn => new Account(account.Version + 1, account.Balance - withdrawn.Amount),
        _ => account with { Version = account.Version + 1 },
    });

    public static IReadOnlyList<AccountEvent> Open(string owner, decimal deposit, DateTimeOffset now) =>
        [new Opened(owner, now), new Deposited(Positive(deposit), now)];

    public Withdrawn Withdraw(decimal amount, DateTimeOffset now) =>
        amount <= Balance ? new Withdrawn(Positive(amount), now) : throw new InvalidOperationException($"The account has {Balance}, which is less than {amount}.");

    private static decimal Positive(decimal amount) => amount > 0 ? amount : throw new InvalidOperationException($"{amount} is not an amount: it must be above zero.");
}

/// <summary>Which events of the store become integration events: one to one, or one to none.</summary>
internal static class PublishedEvents
{
    public static AmountPosted? From(StoredEvent stored) => stored.Data switch
    {
        Opened => null, // nobody outside asks yet
        Deposited deposited => new AmountPosted(stored.Id, deposited.At, stored.Stream, stored.Version, deposited.Amount),
        Withdrawn withdrawn => new AmountPosted(stored.Id, withdrawn.At, stored.Stream, stored.Version, -withdrawn.Amount),
        _ => throw new UnreachableException($"Decide here whether {stored.Data.GetType().Name} is published."),
    };
}
