using Microsoft.EntityFrameworkCore;

namespace Payments.StaticRaise;

/// <summary>The counter-example, which only the tests run: handlers are called at the moment of raising. README.md says what goes wrong.</summary>
internal static class DomainEvents
{
    /// <summary>Handlers by the type of their event. Static, because an aggregate is not made by a container: one set for the whole process.</summary>
    public static Dictionary<Type, Action<object>>? Handlers { get; set; }

    public static void Raise<TEvent>(TEvent domainEvent)
        where TEvent : notnull
    {
        var handlers = Handlers ?? throw new InvalidOperationException($"{typeof(TEvent).Name} was raised before DomainEvents.Handlers was set.");
        handlers[typeof(TEvent)](domainEvent);
    }
}

/// <summary>The same fee as <see cref="Payments.Fee"/>, but for the way it raises its event.</summary>
internal sealed class Fee
{
    private readonly List<Payment> _payments = [];

    public Guid Id { get; init; }
    public Guid CustomerId { get; init; }
    public decimal Amount { get; init; }
    public bool IsPaidOff { get; private set; }
    public IReadOnlyList<Payment> Payments => _payments;

    public void RecordPayment(string reference, decimal amount, DateTimeOffset now)
    {
        _payments.Add(new Payment { Reference = reference, Amount = amount });
        if (_payments.Sum(payment => payment.Amount) == Amount)
        {
            IsPaidOff = true;
            DomainEvents.Raise(new FeePaidOff(CustomerId, now)); // handled now: the payment is not saved yet, and may never be
        }
    }
}

/// <summary>A static method has no request, and so no unit of work: the handler needs one of its own, and commits it.</summary>
internal sealed class CountOpenFees(Func<StaticDb> open)
{
    public void Handle(FeePaidOff paid)
    {
        using var db = open();
        db.Customers.Where(customer => customer.Id == paid.CustomerId)
            .ExecuteUpdate(set => set.SetProperty(customer => customer.OpenFees, customer => customer.OpenFees - 1));
    }
}

internal sealed class StaticDb(DbContextOptions<StaticDb> options) : DbContext(options)
{
    public DbSet<Fee> Fees => Set<Fee>();
    public DbSet<Customer> Customers => Set<Customer>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Fee>().HasMany(fee => fee.Payments).WithOne().HasForeignKey("FeeId").IsRequired();
        modelBuilder.Entity<Payment>().HasKey(payment => payment.Reference);
        modelBuilder.Entity<Payment>().Property(payment => payment.Reference).ValueGeneratedNever();
    }
}
