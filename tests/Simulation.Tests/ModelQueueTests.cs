using Shop.Messaging.Relay;
using Shop.Simulation.Tests.Kernel;
using Shop.Simulation.Tests.Model;

namespace Shop.Simulation.Tests;

public sealed class ModelQueueTests
{
    /// <summary>Found by seed 1930: a consumer whose whole prefetch was dead-lettered received nothing more.</summary>
    [Fact]
    public void A_dead_lettered_message_frees_its_prefetch_slot()
    {
        var world = new World(1, tracing: false);
        var faults = new Faults(world, Emphasis.None) { AreOn = false };
        var link = new Link(world, faults, new SimProcess(world, "consumer"), "link", () => { }, TimeSpan.FromSeconds(1));
        var queue = new ModelQueue(world, "queue", (_, _) => { });
        ModelSubscription? subscription = null;
        subscription = queue.Subscribe(link, prefetch: 1, message =>
        {
            message.Failures = 2; // this one is the last that is allowed
            subscription!.Fail(message);
        });

        queue.Enqueue(Event(1));
        queue.Enqueue(Event(2));
        world.RunUntil(TimeSpan.FromSeconds(1));

        Assert.Equal([1, 2], queue.DeadLetters.Select(row => row.Seq));
        Assert.True(queue.IsEmpty);
    }

    private static OutboxRow Event(long seq) => new(seq, Guid.Empty, "s", 0, "common", "{}", []);
}
