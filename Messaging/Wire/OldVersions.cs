
namespace Shop.Messaging.Wire;

/// <summary>The older versions of its events that a service no longer publishes.</summary>
internal static class OldVersions
{
    /// <summary>Validates the setting. Names that the contracts no longer have are ignored.</summary>
    public static IReadOnlyCollection<string> Validate(MessagingSettings settings, EventCatalog events)
    {
        foreach (var name in settings.RetiredVersions)
        {
            if (events.TypeOf(name) is { } type && (events.NewerThan(type) is null || !name.StartsWith(settings.Service + ".", StringComparison.Ordinal)))
            {
                throw new InvalidOperationException(
                    $"Messaging:RetiredVersions names '{name}', which is not an older version of an event of {settings.Service}.");
            }
        }

        return settings.RetiredVersions;
    }
}
