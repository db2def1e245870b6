using System.Collections.Frozen;
using System.Reflection;

namespace Shop.Contracts;

/// <summary>Every integration event of this version of the contracts, by type and by wire name.</summary>
public static class EventCatalog
{
    private static readonly FrozenDictionary<Type, string> s_names = typeof(IIntegrationEvent).Assembly.GetExportedTypes()
        .Where(type => type.IsAssignableTo(typeof(IIntegrationEvent)) && type is { IsInterface: false, IsAbstract: false })
        .ToFrozenDictionary(type => type, type => type.GetCustomAttribute<EventNameAttribute>()?.Name
            ?? throw new InvalidOperationException($"{type.FullName} needs an [EventName]."));

    private static readonly FrozenDictionary<string, Type> s_types = s_names.ToFrozenDictionary(pair => pair.Value, pair => pair.Key);

    /// <summary>All wire names, sorted.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. s_types.Keys.Order(StringComparer.Ordinal)];

    /// <summary>The wire name of an event type.</summary>
    /// <exception cref="ArgumentException">The type is no event of these contracts.</exception>
    public static string NameOf(Type type) => s_names.TryGetValue(type, out var name)
        ? name
        : throw new ArgumentException($"{type.FullName} is no integration event of Shop.Contracts.", nameof(type));

    /// <summary>The event type with this wire name, or null where these contracts do not know it.</summary>
    public static Type? TypeOf(string name) => s_types.GetValueOrDefault(name);
}
