using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Shop.Contracts.Ordering.V1;
using Shop.Messaging.DomainEvents;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests.Mistakes;

/// <summary>A service that consumes its own integration event, beside one that handles the domain event.</summary>
public sealed class IntegrationEventInsideTests : MessagingTest
{
    [Fact]
    public async Task A_service_that_consumes_its_own_event_is_inconsistent_until_the_broker_has_delivered_it()
    {
        var service = await ServiceAsync(relay: false, consumers: bus => bus.AddConsumer<CountByIntegrationEvent>(), // no relay: the broker is out of reach
            services: services => services.AddScoped<IDomainEventHandler<TicketOpened>, CountByDomainEvent>());

        await service.OpenAsync();
        Assert.Equal((1, 0), (await service.CountEffectsAsync("domain event"), await service.CountEffectsAsync("integration event")));

        await ServiceAsync(migrate: false);
        await Eventually.HoldsAsync("the event has come back", async () => await service.CountEffectsAsync("integration event") == 1);
    }

    private sealed class CountByDomainEvent(TicketDbContext db) : IDomainEventHandler<TicketOpened>
    {
        public Task HandleAsync(TicketOpened domainEvent, CancellationToken ct)
        {
            db.Effects.Add(new Effect { What = "domain event" });
            return Task.CompletedTask;
        }
    }

    private sealed class CountByIntegrationEvent(TicketDbContext db) : IConsumer<OrderShipped>
    {
        public Task Consume(ConsumeContext<OrderShipped> context)
        {
            db.Effects.Add(new Effect { What = "integration event" });
            return Task.CompletedTask;
        }
    }
}
