
namespace Shop.Messaging.Wire;

/// <summary>Which older versions of its events a service still publishes.</summary>
internal static class OldVersions
{
    /// <summary>The versions that are switched off. One that the contracts do not have any more is no matter.</summary>
    public static IReadOnlyCollection<string> Checked(MessagingSettings settings, EventCatalog events)
    {
        foreach (var name in settings.NoLongerConsumed)
        {
            if (events.TypeOf(name) is { } type && (events.NewerThan(type) is null || !name.StartsWith(settings.Service + ".", StringComparison.Ordinal)))
            {
                throw new InvalidOperationException(
                    $"Messaging:NoLongerConsumed names '{name}', which is no older version of an event of {settings.Service}.");
            }
        }

        return settings.NoLongerConsumed;
    }
}
