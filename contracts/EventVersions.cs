using System.Collections.Frozen;
using System.Reflection;

namespace Shop.Contracts;

/// <summary>The versions of events side by side, as the steps between them have it.</summary>
public static class EventVersions
{
    private static readonly FrozenDictionary<Type, Step> s_up = Steps().ToFrozenDictionary(step => step.Old);

    private static readonly FrozenDictionary<Type, Step> s_down = s_up.Values.ToFrozenDictionary(step => step.New);

    /// <summary>The version after this one; null where it is the newest.</summary>
    public static Type? NewerThan(Type type) => s_up.GetValueOrDefault(type)?.New;

    /// <summary>The version before this one; null where it is the first, or the one before is gone.</summary>
    public static Type? OlderThan(Type type) => s_down.GetValueOrDefault(type)?.Old;

    /// <summary>Whether an older version can be made that type.</summary>
    public static bool CanBecome(Type older, Type newer)
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

    /// <summary>An event as a type that it is or can be made; null where it can not.</summary>
    public static T? As<T>(IIntegrationEvent @event)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(@event);
        var current = @event;
        while (current is not T && s_up.TryGetValue(current.GetType(), out var step))
        {
            current = step.Up(current);
        }

        return current as T;
    }

    /// <summary>An event in its newest version.</summary>
    public static IIntegrationEvent Newest(IIntegrationEvent @event)
    {
        ArgumentNullException.ThrowIfNull(@event);
        while (s_up.TryGetValue(@event.GetType(), out var step))
        {
            @event = step.Up(@event);
        }

        return @event;
    }

    /// <summary>The version before this one of the same fact; null where there is none.</summary>
    public static IIntegrationEvent? Older(IIntegrationEvent @event)
    {
        ArgumentNullException.ThrowIfNull(@event);
        return s_down.GetValueOrDefault(@event.GetType())?.Down(@event);
    }

    private static IEnumerable<Step> Steps() =>
        from type in typeof(EventVersions).Assembly.GetTypes()
        from step in type.GetInterfaces()
        where step.IsGenericType && step.GetGenericTypeDefinition() == typeof(IVersionStep<,>)
        select (Step)typeof(EventVersions).GetMethod(nameof(StepOf), BindingFlags.NonPublic | BindingFlags.Static)!
            .MakeGenericMethod([type, .. step.GenericTypeArguments]).Invoke(null, null)!;

    private static Step StepOf<TStep, TOld, TNew>()
        where TStep : IVersionStep<TOld, TNew>
        where TOld : class, IIntegrationEvent
        where TNew : class, IIntegrationEvent =>
        new(typeof(TOld), typeof(TNew), old => TStep.Up((TOld)old), current => TStep.Down((TNew)current));

    private sealed record Step(
        Type Old, Type New, Func<IIntegrationEvent, IIntegrationEvent> Up, Func<IIntegrationEvent, IIntegrationEvent> Down);
}
