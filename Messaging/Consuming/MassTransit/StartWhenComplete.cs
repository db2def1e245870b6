using MassTransit;
using Microsoft.Extensions.Hosting;
using Shop.Messaging.RabbitMq;

namespace Shop.Messaging.Consuming.MassTransit;

/// <summary>Delays the bus until the broker has all queues and exchanges of the service.</summary>
internal sealed class StartWhenComplete(TopologyCheck topology, IHostApplicationLifetime lifetime) : IBusObserver
{
    /// <exception cref="OperationCanceledException">The service stops before that: a bus that started now would never be stopped.</exception>
    public async Task PreStart(IBus bus)
    {
        await topology.CompleteAsync(lifetime.ApplicationStopping);
        lifetime.ApplicationStopping.ThrowIfCancellationRequested();
    }

    public void PostCreate(IBus bus)
    {
    }

    public void CreateFaulted(Exception exception)
    {
    }

    // Stopped meanwhile, when the bus was not there yet to be stopped.
    public Task PostStart(IBus bus, Task<BusReady> busReady) =>
        lifetime.ApplicationStopping.IsCancellationRequested && bus is IBusControl started ? started.StopAsync(CancellationToken.None) : Task.CompletedTask;

    public Task StartFaulted(IBus bus, Exception exception) => Task.CompletedTask;

    public Task PreStop(IBus bus) => Task.CompletedTask;

    public Task PostStop(IBus bus) => Task.CompletedTask;

    public Task StopFaulted(IBus bus, Exception exception) => Task.CompletedTask;
}
