using Microsoft.Extensions.DependencyInjection;
using Shop.Messaging.DomainEvents;

namespace Shop.Messaging.Operations;

/// <summary>A domain event and its handlers in this service.</summary>
/// <param name="Event">The event's name in the code.</param>
/// <param name="Before">Handlers before the commit, in its transaction.</param>
/// <param name="After">Handlers after the commit, which a crash may lose.</param>
public sealed record HandledDomainEvent(string Event, IReadOnlyList<string> Before, IReadOnlyList<string> After)
{
    /// <summary>Those that are registered, by name.</summary>
    internal static IReadOnlyList<HandledDomainEvent> In(IServiceCollection services)
    {
        var handlers = services.Where(service => service is { IsKeyedService: false, ImplementationType: not null, ServiceType.IsConstructedGenericType: true })
            .Select(service => (Kind: service.ServiceType.GetGenericTypeDefinition(), Event: service.ServiceType.GenericTypeArguments[0].Name,
                Handler: service.ImplementationType!.Name))
            .Where(one => one.Kind == typeof(IDomainEventHandler<>) || one.Kind == typeof(ICommittedEventHandler<>));
        return [.. handlers.GroupBy(one => one.Event).OrderBy(group => group.Key, StringComparer.Ordinal).Select(group => new HandledDomainEvent(
            group.Key,
            [.. group.Where(one => one.Kind == typeof(IDomainEventHandler<>)).Select(one => one.Handler)],
            [.. group.Where(one => one.Kind == typeof(ICommittedEventHandler<>)).Select(one => one.Handler)]))];
    }
}
