using Microsoft.Extensions.DependencyInjection;

namespace Shop.Messaging.Consuming.Batches;

/// <summary>Calls a consumer with the events of a batch.</summary>
internal delegate Task BatchCall(IServiceProvider services, IReadOnlyList<Delivery> deliveries, CausationContext causation);

/// <summary>The two forms of a consumer of batches.</summary>
internal static class BatchCalls
{
    public static async Task EachAsync<TConsumer, TEvent>(IServiceProvider services, IReadOnlyList<Delivery> deliveries, CausationContext causation)
        where TConsumer : class, IBatchConsumer<TEvent>
        where TEvent : class, IIntegrationEvent
    {
        var consumer = services.GetRequiredService<TConsumer>();
        await consumer.PrepareAsync([.. deliveries.Select(delivery => (TEvent)delivery.Event!)], CancellationToken.None);
        await causation.ThrowIfPublishedAsync($"{typeof(TConsumer).Name}.PrepareAsync", CancellationToken.None);
        foreach (var delivery in deliveries)
        {
            await causation.RunAsync(delivery, () => consumer.ConsumeAsync((TEvent)delivery.Event!, CancellationToken.None), CancellationToken.None);
        }
    }

    public static async Task AllAsync<TConsumer, TEvent>(IServiceProvider services, IReadOnlyList<Delivery> deliveries, CausationContext causation)
        where TConsumer : class, IBulkConsumer<TEvent>
        where TEvent : class, IIntegrationEvent
    {
        await services.GetRequiredService<TConsumer>().ConsumeAsync(
            [.. deliveries.Select(delivery => new ReceivedEvent<TEvent>((TEvent)delivery.Event!, delivery.EventBody) { TraceId = delivery.TraceId })], CancellationToken.None);
        await causation.ThrowIfPublishedAsync(typeof(TConsumer).Name, CancellationToken.None);
    }
}
