using Shop.Messaging.DomainEvents;


namespace Shop.Ordering.Domain;

/// <summary>A customer's standing: enough confirmed orders make a customer preferred, permanently.</summary>
internal sealed class Customer : AggregateRoot
{
    public const int OrdersToBecomePreferred = 3;
    public const decimal PreferredDiscountPercent = 5;

    private Customer() { } // EF Core

    public string Id { get; private init; } = "";

    public int ConfirmedOrders { get; private set; }

    public DateTimeOffset? PreferredSince { get; private set; }

    public decimal DiscountPercent => PreferredSince is null ? 0 : PreferredDiscountPercent;

    public static Customer New(string id) => new() { Id = id };

    /// <summary>Counts one confirmed order.</summary>
    public void CountConfirmedOrder(DateTimeOffset now)
    {
        ConfirmedOrders++;
        Version++;
        if (ConfirmedOrders >= OrdersToBecomePreferred && PreferredSince is null)
        {
            PreferredSince = now;
            Raise(new CustomerBecamePreferred(Id, Version, now));
        }
    }
}

internal sealed record CustomerBecamePreferred(string CustomerId, int CustomerVersion, DateTimeOffset At) : DomainEvent(At);
