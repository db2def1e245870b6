using System.Text.Json;
using Shop.Messaging.DomainEvents;

namespace Shop.Messaging.Tests.Mistakes;

/// <summary>A domain event that another service reads as JSON, with its own copy of the type: nothing holds the two together.</summary>
public sealed class SharedDomainEventTests
{
    private static readonly DateTimeOffset s_now = new(2026, 11, 28, 10, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_member_that_the_model_renames_is_silently_missing_in_the_other_service()
    {
        var before = JsonSerializer.Serialize(new Paid(40, s_now));
        var after = JsonSerializer.Serialize(new PaidAfterRefactoring(40, s_now));

        Assert.Equal(40, JsonSerializer.Deserialize<CopyOfPaid>(before)!.Amount);
        Assert.Equal(0, JsonSerializer.Deserialize<CopyOfPaid>(after)!.Amount); // no error: an invoice of nothing
    }

    private sealed record Paid(decimal Amount, DateTimeOffset At) : DomainEvent(At);

    private sealed record PaidAfterRefactoring(decimal Gross, DateTimeOffset At) : DomainEvent(At);

    private sealed record CopyOfPaid(decimal Amount, DateTimeOffset At);
}
