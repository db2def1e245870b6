using System.Collections.Frozen;
using System.Reflection;
using System.Text.Json.Nodes;

namespace Shop.Messaging;

/// <summary>
/// The integration events of some assemblies: their wire names, the versions of each and the steps between them, and the JSON Schemas and
/// recorded messages that the assemblies carry as the resources <c>schemas/{name}.json</c> and <c>examples/{name}/*.json</c>.
/// </summary>
public sealed class EventCatalog
{
    private readonly FrozenDictionary<Type, string> _names;
    private readonly FrozenDictionary<string, Type> _types;
    private readonly FrozenDictionary<Type, Step> _up;
    private readonly FrozenDictionary<Type, Step> _down;
    private readonly FrozenDictionary<string, string> _schemas;

    private EventCatalog(IReadOnlyCollection<Assembly> assemblies)
    {
        _names = assemblies.SelectMany(assembly => assembly.GetTypes()).Where(IsEvent).ToFrozenDictionary(type => type, WireNameOf);
        if (_names.GroupBy(pair => pair.Value).FirstOrDefault(group => group.Count() > 1) is { } same)
        {
            throw new InvalidOperationException(
                $"The events {string.Join(" and ", same.Select(pair => pair.Key.FullName))} have the same wire name, '{same.Key}'.");
        }

        _types = _names.ToFrozenDictionary(pair => pair.Value, pair => pair.Key);
        _up = assemblies.SelectMany(assembly => assembly.GetTypes()).SelectMany(StepsOf).ToFrozenDictionary(step => step.Old);
        _down = _up.Values.ToFrozenDictionary(step => step.New);
        _schemas = _types.ToFrozenDictionary(pair => pair.Key, pair => Read(pair.Value.Assembly, $"schemas/{pair.Key}.json") ?? "");
        Names = [.. _types.Keys.Order(StringComparer.Ordinal)];
    }

    /// <summary>All wire names, sorted.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>The events of these assemblies. Duplicates are ignored.</summary>
    /// <exception cref="InvalidOperationException">An event has no <see cref="EventNameAttribute"/>, or two have the same name.</exception>
    public static EventCatalog Of(params IEnumerable<Assembly> assemblies) => new([.. assemblies.Distinct()]);

    /// <summary>The wire name of an event type.</summary>
    /// <exception cref="ArgumentException">The type is not an event of this catalog.</exception>
    public string NameOf(Type type)
    {
        ArgumentNullException.ThrowIfNull(type);
        return _names.TryGetValue(type, out var name)
            ? name
            : throw new ArgumentException($"{type.FullName} is not an integration event of the registered assemblies. Add its assembly to EventCatalog.Of.", nameof(type));
    }

    /// <summary>The event type with this wire name, or null where the catalog does not know it.</summary>
    public Type? TypeOf(string name) => _types.GetValueOrDefault(name);

    /// <summary>The version after this one; null where it is the newest.</summary>
    public Type? NewerThan(Type type) => _up.GetValueOrDefault(type)?.New;

    /// <summary>The version before this one; null where it is the first, or the one before is gone.</summary>
    public Type? OlderThan(Type type) => _down.GetValueOrDefault(type)?.Old;

    /// <summary>Whether an older version can be upcast to that type.</summary>
    public bool CanBecome(Type older, Type newer)
    {
        for (var type = NewerThan(older); type is not null; type = NewerThan(type))
        {
            if (type == newer)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>An event as a type that it is or can be upcast to; null where it cannot.</summary>
    public T? As<T>(IIntegrationEvent @event)
        where T : class => As(@event, typeof(T)) as T;

    /// <inheritdoc cref="As{T}"/>
    public IIntegrationEvent? As(IIntegrationEvent @event, Type type)
    {
        ArgumentNullException.ThrowIfNull(@event);
        ArgumentNullException.ThrowIfNull(type);
        var current = @event;
        while (!type.IsInstanceOfType(current) && _up.TryGetValue(current.GetType(), out var step))
        {
            current = step.Up(current);
        }

        return type.IsInstanceOfType(current) ? current : null;
    }

    /// <summary>An event in its newest version.</summary>
    public IIntegrationEvent Newest(IIntegrationEvent @event)
    {
        ArgumentNullException.ThrowIfNull(@event);
        while (_up.TryGetValue(@event.GetType(), out var step))
        {
            @event = step.Up(@event);
        }

        return @event;
    }

    /// <summary>The version before this one of the same fact; null where there is none.</summary>
    public IIntegrationEvent? Older(IIntegrationEvent @event)
    {
        ArgumentNullException.ThrowIfNull(@event);
        return _down.GetValueOrDefault(@event.GetType())?.Down(@event);
    }

    /// <summary>The JSON Schema of an event; null where its assembly carries none.</summary>
    public string? SchemaOf(string name) => _schemas.GetValueOrDefault(name) is { Length: > 0 } schema ? schema : null;

    /// <summary>The schema's <c>$id</c>, which messages name as their <c>dataschema</c>; null where there is no schema, or none with an id.</summary>
    public string? SchemaIdOf(string name) => SchemaOf(name) is { } schema ? (string?)JsonNode.Parse(schema)!["$id"] : null;

    /// <summary>Messages of an event as they were recorded, as JSON, in the order of their names.</summary>
    public IReadOnlyList<string> ExamplesOf(string name) => TypeOf(name)?.Assembly is not { } assembly
        ? []
        :
        [
            .. assembly.GetManifestResourceNames().Where(resource => resource.StartsWith($"examples/{name}/", StringComparison.Ordinal))
                .Order(StringComparer.Ordinal).Select(resource => Read(assembly, resource)!),
        ];

    private static bool IsEvent(Type type) =>
        type.IsAssignableTo(typeof(IIntegrationEvent)) && type is { IsInterface: false, IsAbstract: false };

    private static string WireNameOf(Type type) => type.GetCustomAttribute<EventNameAttribute>()?.Name
        ?? throw new InvalidOperationException($"{type.FullName} is an integration event and needs an [EventName].");

    private static string? Read(Assembly assembly, string resource)
    {
        using var stream = assembly.GetManifestResourceStream(resource);
        if (stream is null)
        {
            return null;
        }

        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    private static IEnumerable<Step> StepsOf(Type type) =>
        from step in type.GetInterfaces()
        where step.IsGenericType && step.GetGenericTypeDefinition() == typeof(IVersionStep<,>)
        select (Step)typeof(EventCatalog).GetMethod(nameof(StepOf), BindingFlags.NonPublic | BindingFlags.Static)!
            .MakeGenericMethod([type, .. step.GenericTypeArguments]).Invoke(null, null)!;

    private static Step StepOf<TStep, TOld, TNew>()
        where TStep : IVersionStep<TOld, TNew>
        where TOld : class, IIntegrationEvent
        where TNew : class, IIntegrationEvent =>
        new(typeof(TOld), typeof(TNew), old => TStep.Up((TOld)old), current => TStep.Down((TNew)current));

    private sealed record Step(
        Type Old, Type New, Func<IIntegrationEvent, IIntegrationEvent> Up, Func<IIntegrationEvent, IIntegrationEvent> Down);
}
