using MassTransit;
using Microsoft.Extensions.Hosting;
using Shop.Messaging.RabbitMq;

namespace Shop.Messaging.Consuming.MassTransit;

/// <summary>Delays the bus until the broker has all queues and exchanges of the service.</summary>
internal sealed class StartWhenComplete(TopologyCheck topology, IHostApplicationLifetime lifetime) : IBusObserver
{
    public async Task PreStart(IBus bus) =>
        await topology.CompleteAsync(lifetime.ApplicationStopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    public void PostCreate(IBus bus)
    {
    }

    public void CreateFaulted(Exception exception)
    {
    }

    public Task PostStart(IBus bus, Task<BusReady> busReady) => Task.CompletedTask;

    public Task StartFaulted(IBus bus, Exception exception) => Task.CompletedTask;

    public Task PreStop(IBus bus) => Task.CompletedTask;

    public Task PostStop(IBus bus) => Task.CompletedTask;

    public Task StopFaulted(IBus bus, Exception exception) => Task.CompletedTask;
}
