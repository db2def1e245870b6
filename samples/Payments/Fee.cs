using Shop.Messaging.DomainEvents;

namespace Payments;

/// <summary>What a customer owes for a book that came back late. It is paid off when its balance reaches zero.</summary>
internal sealed class Fee : AggregateRoot
{
    private readonly List<Payment> _payments = [];

    private Fee() { } // EF Core

    public Guid Id { get; private init; }
    public Guid CustomerId { get; private init; }
    public decimal Amount { get; private init; }
    public DateOnly DueOn { get; private init; }
    public bool IsPaidOff { get; private set; }
    public IReadOnlyList<Payment> Payments => _payments;

    public static Fee Charge(Guid customerId, decimal amount, DateOnly dueOn, DateTimeOffset now)
    {
        var fee = new Fee { Id = Guid.CreateVersion7(now), CustomerId = customerId, Amount = Positive(amount), DueOn = dueOn, Version = 1 };
        fee.Raise(new FeeCharged(customerId, now));
        return fee;
    }

    /// <summary>The balance is a policy of the business, not of one fee: a domain service computes it, and is passed to the method that needs it.</summary>
    public void RecordPayment(string reference, decimal amount, BalanceCalculator balances, DateTimeOffset now)
    {
        if (IsPaidOff)
        {
            throw new DomainException("fee-paid-off", "The fee is paid off already.", conflict: true);
        }

        _payments.Add(new Payment { Reference = reference, Amount = Positive(amount) });
        Version++;
        var balance = balances.BalanceOf(this, now);
        if (balance < 0)
        {
            throw new DomainException("overpaid", $"The payment is {-balance} more than the balance. Pay the balance.");
        }

        if (balance == 0)
        {
            IsPaidOff = true;
            Raise(new FeePaidOff(CustomerId, now)); // recorded; handled when the change is saved
        }
    }

    private static decimal Positive(decimal amount) =>
        amount > 0 ? amount : throw new DomainException("amount", $"{amount} is not an amount: it must be above zero.");
}

/// <summary>A line of the bank's statement. The bank's reference is its key: a line cannot be recorded twice.</summary>
internal sealed class Payment
{
    public required string Reference { get; init; }
    public required decimal Amount { get; init; }
}

internal sealed record FeeCharged(Guid CustomerId, DateTimeOffset At) : DomainEvent(At);

internal sealed record FeePaidOff(Guid CustomerId, DateTimeOffset At) : DomainEvent(At);

/// <summary>A domain service: a fee grows by a part of its amount for each month that it is overdue.</summary>
internal sealed class BalanceCalculator(decimal monthlyRate)
{
    private const int DaysOfMonth = 30;

    public decimal BalanceOf(Fee fee, DateTimeOffset now)
    {
        var overdue = Math.Max(0, DateOnly.FromDateTime(now.UtcDateTime).DayNumber - fee.DueOn.DayNumber);
        return fee.Amount * (1 + (monthlyRate * (overdue / DaysOfMonth))) - fee.Payments.Sum(payment => payment.Amount);
    }
}
