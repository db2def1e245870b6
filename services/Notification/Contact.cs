namespace Shop.Notification;

/// <summary>How to reach a customer: the only place of the shop that knows a name or an address. Never logged.</summary>
internal sealed class Contact
{
    public const int MaxNameLength = 200;
    public const int MaxEmailLength = 254;

    public required string CustomerId { get; init; }

    public required string Name { get; init; }

    public required string Email { get; init; }

    public required DateTimeOffset UpdatedAt { get; init; }
}
