using Shop.Messaging;

namespace Shop.Contracts;

/// <summary>An amount in a currency.</summary>
/// <param name="Amount">In units of the currency, not cents; at least 0.</param>
/// <param name="Currency">ISO 4217, three capital letters.</param>
public sealed record Money([AtLeast(0)] decimal Amount, [Pattern(PatternAttribute.Currency)] string Currency);
