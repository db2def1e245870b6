using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Shop.Messaging.DomainEvents;

namespace Shop.Messaging.UnitOfWork;

/// <summary>Adds domain events to a service, without a broker, an outbox or tables.</summary>
public static class DomainEventRegistration
{
    /// <summary>
    /// Makes SaveChangesAsync dispatch the domain events of a context's aggregates: to <see cref="IDomainEventHandler{TEvent}"/> before the commit, in
    /// the same transaction, and to <see cref="ICommittedEventHandler{TEvent}"/> after it. Register handlers as scoped services of these
    /// interfaces. Only contexts that are injected take part; call it after AddDbContext or AddDbContextPool.
    /// </summary>
    /// <typeparam name="TContext">The service's DbContext.</typeparam>
    /// <exception cref="InvalidOperationException">The context is not registered yet.</exception>
    public static IServiceCollection AddDomainEvents<TContext>(this IServiceCollection services)
        where TContext : DbContext
    {
        ArgumentNullException.ThrowIfNull(services);
        if (services.Any(service => service.ServiceType == typeof(Marker<TContext>)))
        {
            return services;
        }

        var registered = services.LastOrDefault(service => service.ServiceType == typeof(TContext)) ?? throw new InvalidOperationException(
            $"{typeof(TContext).Name} is not registered. Call AddDbContext or AddDbContextPool first.");
        services.AddSingleton<Marker<TContext>>();
        services.TryAddScoped<DomainEventDispatcher>();
        services.TryAddScoped<CommitProtocol>();
        services.TryAddSingleton<UnitOfWorkInterceptor>();
        services.ConfigureDbContext<TContext>((provider, options) => options.AddInterceptors(provider.GetRequiredService<UnitOfWorkInterceptor>()));
        services.Remove(registered);
        services.Add(new ServiceDescriptor(typeof(TContext), provider =>
        {
            var db = (TContext)(registered.ImplementationFactory?.Invoke(provider)
                ?? ActivatorUtilities.CreateInstance(provider, registered.ImplementationType!));
            provider.GetRequiredService<CommitProtocol>().Begin(db);
            return db;
        }, registered.Lifetime));
        return services;
    }

    private sealed class Marker<TContext>;
}
