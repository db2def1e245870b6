using RabbitMQ.Client;
using Shop.Messaging.Operations;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Units.Tests;

/// <summary>What groups dead letters by cause is read from headers that are cut at a length, and that anybody may send.</summary>
public sealed class DeadLetterTests
{
    private const string Framework = "   at System.Linq.Enumerable.First[TSource](IEnumerable`1 source)";
    private const string Ours = "   at Shop.Ordering.Orders.OnStockReserved.HandleAsync(StockReserved e) in /src/OnStockReserved.cs:line 12";

    private static readonly string s_stack = string.Join(Environment.NewLine, Framework, Framework, Ours, Framework);

    /// <summary>A length that depends on a path, so that it met one machine and not another: half a name was taken for the application's frame.</summary>
    [Fact]
    public void A_stack_that_is_cut_anywhere_has_a_whole_frame_or_none()
    {
        for (var length = 0; length <= s_stack.Length; length++)
        {
            var frame = Read(Untrusted.Sanitize(s_stack, length, keepLines: true)).Frame;

            Assert.Contains(frame, (string?[])[null, "System.Linq.Enumerable.First[TSource]", "Shop.Ordering.Orders.OnStockReserved.HandleAsync"]);
        }
    }

    [Fact]
    public void The_application_s_frame_is_found_in_a_stack_of_the_longest_kind() =>
        Assert.Equal("Shop.Ordering.Orders.OnStockReserved.HandleAsync",
            Read(string.Join('\n', Enumerable.Repeat(Framework, 7_800 / Framework.Length)) + "\n" + Ours).Frame);

    [Theory]
    [InlineData(null, null)]
    [InlineData("", null)]
    [InlineData("at ", null)]
    [InlineData("at \u202e\u0000evil(", "\\u202e\\u0000evil")]
    [InlineData("nothing like a stack", null)]
    public void A_stack_of_a_stranger_is_read_as_text(string? stack, string? frame) => Assert.Equal(frame, Read(stack).Frame);

    private static DeadLetter Read(string? stack) => DeadLetter.Of("ordering.any", new BasicGetResult(
        1, false, "", "ordering.any", 0, new BasicProperties { Headers = new Dictionary<string, object?> { [MessageHeaderNames.FaultStackTrace] = stack } }, default));
}
