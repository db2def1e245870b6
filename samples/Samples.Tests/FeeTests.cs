using Payments;

namespace Samples.Tests;

/// <summary>The model alone: no handler, no container, no database.</summary>
public sealed class FeeTests
{
    private static readonly DateTimeOffset s_now = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly DateOnly s_due = new(2026, 5, 1);

    [Theory]
    [InlineData(0, 100)]
    [InlineData(29, 100)]
    [InlineData(30, 105)]
    [InlineData(75, 110)]
    public void A_fee_is_paid_off_when_the_payments_reach_its_balance(int daysLate, decimal balance)
    {
        var now = s_now.AddDays(daysLate);
        var balances = new BalanceCalculator(0.05m);
        var fee = Fee.Charge(Guid.NewGuid(), 100, s_due, s_now);
        fee.TakeEvents();

        fee.RecordPayment("R1", balance - 1, balances, now);
        Assert.Empty(fee.TakeEvents());
        fee.RecordPayment("R2", 1, balances, now);

        var paidOff = Assert.IsType<FeePaidOff>(Assert.Single(fee.TakeEvents()));
        Assert.Equal((fee.CustomerId, now), (paidOff.CustomerId, paidOff.At));
    }
}
