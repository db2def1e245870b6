namespace Shop.Notification;

/// <summary>A customer's contact data: the only place in the shop with a name or an address. Never logged.</summary>
internal sealed class Contact
{
    public const int MaxNameLength = 200;
    public const int MaxEmailLength = 254;
    public const int MaxWebhookUrlLength = 2000;

    public required string CustomerId { get; init; }

    /// <summary>Empty for staff, who are only addresses.</summary>
    public required string Name { get; init; }

    public required string Email { get; init; }

    /// <summary>The URL of the customer's webhook, or null. Set if and only if the secret is.</summary>
    public string? WebhookUrl { get; init; }

    /// <summary>What webhook calls are signed with. Only the shop and the customer know it.</summary>
    public string? WebhookSecret { get; init; }

    public required DateTimeOffset UpdatedAt { get; init; }
}
