using Microsoft.EntityFrameworkCore;
using Payments;
using Payments.StaticRaise;
using Fee = Payments.StaticRaise.Fee;

namespace Samples.Tests;

/// <summary>The counter-example: what goes wrong when handlers are called at the moment of raising.</summary>
public sealed class StaticRaiseTests
{
    private static readonly DateTimeOffset s_now = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task With_the_static_raise_the_customer_is_unblocked_although_the_payment_is_rolled_back()
    {
        var (servers, name) = (new Servers(), $"static_{Guid.CreateVersion7():N}");
        var options = new DbContextOptionsBuilder<StaticDb>().UseNpgsql(await servers.CreateDatabaseAsync(name)).Options;
        var customer = new Customer { Id = Guid.CreateVersion7(), Name = "Bob" };
        customer.CountOpenFee(+1);
        var fee = new Fee { Id = Guid.CreateVersion7(), CustomerId = customer.Id, Amount = 20 };
        await using var db = new StaticDb(options);
        await db.Database.EnsureCreatedAsync();
        db.AddRange(customer, fee);
        await db.SaveChangesAsync();
        var handler = new Payments.StaticRaise.CountOpenFees(() => new StaticDb(options));
        DomainEvents.Handlers = new() { [typeof(FeePaidOff)] = e => handler.Handle((FeePaidOff)e) };

        await using (var transaction = await db.Database.BeginTransactionAsync())
        {
            fee.RecordPayment("line 7", 20, s_now);
            await db.SaveChangesAsync();
            await transaction.RollbackAsync();
        }

        await using var after = new StaticDb(options);
        Assert.False((await after.Customers.SingleAsync()).IsBlocked); // the effect survived
        Assert.False((await after.Fees.SingleAsync()).IsPaidOff); // the fee is open
        DomainEvents.Handlers = null;
        await servers.DropDatabaseAsync(name);
    }

    [Fact]
    public void With_the_static_raise_the_model_cannot_be_tested_without_handlers()
    {
        DomainEvents.Handlers = null;
        var fee = new Fee { Amount = 20 };

        Assert.Throws<InvalidOperationException>(() => fee.RecordPayment("R1", 20, s_now));
    }
}
