using Microsoft.EntityFrameworkCore;
using Shop.Messaging.DomainEvents;

namespace Payments;

/// <summary>Borrows books unless a fee is open.</summary>
internal sealed class Customer : AggregateRoot
{
    public Guid Id { get; init; }
    public required string Name { get; init; }
    public int OpenFees { get; private set; }
    public bool IsBlocked => OpenFees > 0;

    public void CountOpenFee(int change) => (OpenFees, Version) = (OpenFees + change, Version + 1);
}

/// <summary>Before the commit, in the transaction of the fee: customer and fee change together, or neither does.</summary>
internal sealed class CountOpenFees(PaymentsDb db) : IDomainEventHandler<FeeCharged>, IDomainEventHandler<FeePaidOff>
{
    public Task HandleAsync(FeeCharged charged, CancellationToken ct) => CountAsync(charged.CustomerId, +1, ct);

    public Task HandleAsync(FeePaidOff paid, CancellationToken ct) => CountAsync(paid.CustomerId, -1, ct);

    private async Task CountAsync(Guid customerId, int change, CancellationToken ct)
    {
        var customer = await db.Customers.FindAsync([customerId], ct) ?? throw new DomainException("customer", $"There is no customer {customerId}.");
        customer.CountOpenFee(change); // it does not save: the save that is under way does
    }
}

internal sealed class PaymentsDb(DbContextOptions<PaymentsDb> options) : DbContext(options)
{
    public DbSet<Fee> Fees => Set<Fee>();
    public DbSet<Customer> Customers => Set<Customer>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Fee>().Property(fee => fee.Version).IsConcurrencyToken();
        modelBuilder.Entity<Fee>().HasMany(fee => fee.Payments).WithOne().HasForeignKey("FeeId").IsRequired();
        modelBuilder.Entity<Fee>().Navigation(fee => fee.Payments).AutoInclude();
        modelBuilder.Entity<Payment>().HasKey(payment => payment.Reference);
        modelBuilder.Entity<Payment>().Property(payment => payment.Reference).ValueGeneratedNever();
        modelBuilder.Entity<Customer>().Property(customer => customer.Version).IsConcurrencyToken();
    }
}
