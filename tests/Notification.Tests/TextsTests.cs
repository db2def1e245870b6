using Shop.Notification.Features.WriteNotifications;

namespace Shop.Notification.Tests;

public sealed class TextsTests
{
    private static readonly Guid s_order = Guid.CreateVersion7();

    [Fact]
    public void A_confirmation_lists_what_was_bought_with_discount_and_total()
    {
        var letter = Texts.For(Sample.Confirmed("ada", s_order));

        Assert.Equal("Your order is confirmed", letter.Subject);
        Assert.Contains($"  Order {s_order}\n  2 x TEA-1 at EUR 4.50\n  1 x POT-1 at EUR 1,200.00\n  Your discount: EUR 58.95\n"
            + "  Total: EUR 1,150.05\n", letter.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_confirmation_without_discount_does_not_mention_one() => Assert.DoesNotContain(
        "discount", Texts.For(Sample.Confirmed("ada") with { Total = 1_209m }).Text, StringComparison.OrdinalIgnoreCase);

    [Fact]
    public void A_rejection_names_each_short_line()
    {
        var letter = Texts.For(Sample.Rejected("ada", s_order));

        Assert.Contains("  TEA-1: you asked for 5, we have 2\n  POT-1: you asked for 1, we have none\n", letter.Text, StringComparison.Ordinal);
        Assert.Contains($"  Order {s_order}\n", letter.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_rejection_for_another_reason_reads_well_too() => Assert.StartsWith(
        "We are sorry: we cannot fulfil your order.\n\n  Order ",
        Texts.For(Sample.Rejected("ada") with { Reason = "other", ShortLines = [] }).Text,
        StringComparison.Ordinal);

    [Theory]
    [InlineData("customer-request", "Your order is cancelled, as you asked.")]
    [InlineData("no-answer", "We are sorry: your order had to be cancelled.")]
    public void A_cancellation_says_whose_wish_it_was(string reason, string first) =>
        Assert.StartsWith(first, Texts.For(Sample.Cancelled("ada", s_order, reason)).Text, StringComparison.Ordinal);

    [Theory]
    [InlineData("confirmed")]
    [InlineData("rejected")]
    [InlineData("cancelled")]
    [InlineData("shipped")]
    [InlineData("preferred")]
    public void Every_text_has_short_lines_and_is_signed(string kind)
    {
        var letter = Sample.Of(kind, "ada", s_order) switch
        {
            Contracts.Ordering.V1.OrderConfirmed e => Texts.For(e),
            Contracts.Ordering.V1.OrderRejected e => Texts.For(e),
            Contracts.Ordering.V1.OrderCancelled e => Texts.For(e),
            Contracts.Ordering.V1.OrderShipped e => Texts.For(e),
            var e => Texts.For((Contracts.Ordering.V1.CustomerBecamePreferred)e),
        };

        Assert.All(letter.Text.Split('\n'), line => Assert.InRange(line.Length, 0, 72));
        Assert.DoesNotContain('\r', letter.Text);
        Assert.EndsWith("\n\nYour Shop\n", letter.Text, StringComparison.Ordinal);
    }
}
