namespace Shop.Notification;

/// <summary>How to reach a customer: the only place of the shop that knows a name or an address. Never logged.</summary>
internal sealed class Contact
{
    public const int MaxNameLength = 200;
    public const int MaxEmailLength = 254;
    public const int MaxWebhookUrlLength = 2000;

    public required string CustomerId { get; init; }

    /// <summary>Empty for one of the staff, who are only addresses.</summary>
    public required string Name { get; init; }

    public required string Email { get; init; }

    /// <summary>Where the customer's own system wants to be told, or null. It comes and goes with the secret.</summary>
    public string? WebhookUrl { get; init; }

    /// <summary>What webhook calls are signed with. Only the shop and the customer know it.</summary>
    public string? WebhookSecret { get; init; }

    public required DateTimeOffset UpdatedAt { get; init; }
}
