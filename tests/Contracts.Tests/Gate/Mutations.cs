using Shop.Messaging;

namespace Shop.Contracts.Tests.Gate;

public enum PaymentMethod
{
    Card,
    Transfer,
    Cash,
}

/// <summary>A contract, and what people do to one. All have the wire name of the first, save where that is what is changed.</summary>
public static class Mutations
{
    public sealed record Paid(Guid EventId, string Payer, decimal Amount, int Items, PaymentMethod Method, string? Note = null);

    public sealed record Renamed(Guid EventId, string Customer, decimal Amount, int Items, PaymentMethod Method, string? Note = null);

    public sealed record Removed(Guid EventId, string Payer, int Items, PaymentMethod Method, string? Note = null);

    public sealed record Retyped(Guid EventId, string Payer, Retyped.Money Amount, int Items, PaymentMethod Method, string? Note = null)
    {
        public sealed record Money(decimal Value, string Currency);
    }

    public enum FewerMethods
    {
        Card,
        Transfer,
    }

    public sealed record NarrowerEnum(Guid EventId, string Payer, decimal Amount, int Items, FewerMethods Method, string? Note = null);

    public sealed record OptionalMadeRequired(Guid EventId, string Payer, decimal Amount, int Items, PaymentMethod Method, string? Note);

    /// <summary>In another order, and in other words.</summary>
    public sealed record Reordered(PaymentMethod Method, int Items, decimal Amount, string Payer, Guid EventId, string? Note = null);

    public sealed record OptionalAdded(
        Guid EventId, string Payer, decimal Amount, int Items, PaymentMethod Method, string? Note = null, string? Channel = null);

    public sealed record RequiredAdded(
        Guid EventId, string Payer, decimal Amount, int Items, PaymentMethod Method, string Channel, string? Note = null);

    public sealed record NullAllowed(Guid EventId, string? Payer, decimal Amount, int Items, PaymentMethod Method, string? Note = null);

    public sealed record NumberMadeText(Guid EventId, string Payer, string Amount, int Items, PaymentMethod Method, string? Note = null);

    // Beyond the twelve.
    public sealed record Longer(Guid EventId, string Payer, decimal Amount, long Items, PaymentMethod Method, string? Note = null);

    public sealed record Narrowed(
        Guid EventId, string Payer, decimal Amount, [AtLeast(1)] int Items, PaymentMethod Method, string? Note = null);
}
