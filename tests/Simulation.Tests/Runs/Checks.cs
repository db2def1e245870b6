using Shop.Messaging.Relay;
using Shop.Simulation.Tests.Kernel;
using Shop.Simulation.Tests.Model;

namespace Shop.Simulation.Tests.Runs;

/// <summary>What must hold once faults have ended. What must hold at any moment is checked by <see cref="Ledger"/>.</summary>
internal sealed class Checks(
    World world, Faults faults, ModelDatabase database, ModelBroker broker, Ledger ledger, Func<bool> allIsRecorded)
{
    /// <summary>One event that cannot be sent stops only the later ones of its own stream.</summary>
    public bool IsDoneExceptStuck() => allIsRecorded() && broker.Queues.Values.All(queue => queue.IsEmpty)
        && ledger.Streams.Values.All(stream => stream.TakeWhile(row => row.Type != Topology.Stuck).All(IsProcessed));

    public void NothingOvertookStuckEvents()
    {
        foreach (var row in ledger.Streams.Values.SelectMany(stream => stream.SkipWhile(row => row.Type != Topology.Stuck)))
        {
            if (Topology.QueuesOf(row.Type).Any(queue => ledger.CopiesAt(queue, row) > 0))
            {
                world.Fail($"M4: {row.Seq} of {row.Stream} was sent, although one before it cannot be.");
            }
        }
    }

    public bool IsAtRest() => database.Outbox.Count == 0 && database.Parked.Count == 0
        && broker.Queues.Values.All(queue => queue.IsEmpty) && allIsRecorded() && ledger.Events.All(IsProcessed);

    /// <summary>What is left to do, in a form that names the violated invariant.</summary>
    public string DescribeRemaining()
    {
        var missing = ledger.Events.Where(row => !IsProcessed(row)).ToList();
        var unsent = missing.Count(row => Topology.QueuesOf(row.Type).Any(queue => ledger.CopiesAt(queue, row) == 0));
        var first = missing.Count > 0 ? $" (first {missing[0].Seq} of {missing[0].Stream}, {missing[0].Type})" : "";
        return $"{database.Outbox.Count} in the outbox, {database.Parked.Count} parked, "
            + $"{broker.Queues.Values.Count(queue => !queue.IsEmpty)} queues not empty, {unsent} events not sent, "
            + $"{missing.Count - unsent} sent without effect{first}";
    }

    public void AtTheEnd()
    {
        foreach (var row in ledger.Events)
        {
            CheckEffects(row);
        }

        var recorded = ledger.Events.Select(row => row.EventId).ToHashSet();
        foreach (var effect in database.Effects.Keys.Where(effect => !recorded.Contains(effect.EventId)))
        {
            world.Fail($"I8: {effect.Consumer} acted on {effect.EventId}, which nobody committed.");
        }

        var settled = broker.Queues.Values.Sum(queue => queue.Consumed + queue.Repeats + queue.DeadLetters.Count);
        if (settled != broker.Routed)
        {
            world.Fail($"I7: {broker.Routed} copies were routed, {settled} were consumed, deduplicated or dead-lettered.");
        }

        if (!IsAtRest())
        {
            world.Fail("I6: it was at rest, and is no longer.");
        }
    }

    private void CheckEffects(OutboxRow row)
    {
        var isPoison = ledger.BehaviorOf(row) == ConsumerBehavior.Poison;
        foreach (var queue in Topology.QueuesOf(row.Type).Select(name => broker.Queues[name]))
        {
            var effects = EffectsOf(row, queue);
            var dead = queue.DeadLetters.Count(letter => letter.EventId == row.EventId);
            if (effects != (isPoison ? 0 : 1) || (dead > 0) != isPoison)
            {
                world.Fail($"I2: {row.Seq} of {row.Stream} had {effects} effects and {dead} dead letters in {queue.Name}.");
            }

            if (faults.IsCalm && ledger.CopiesAt(queue.Name, row) != 1)
            {
                world.Fail($"M3: {row.Seq} of {row.Stream} was sent {ledger.CopiesAt(queue.Name, row)} times to {queue.Name}, "
                    + "and nothing had gone wrong.");
            }
        }
    }

    private bool IsProcessed(OutboxRow row) => Topology.QueuesOf(row.Type).All(name => ledger.CopiesAt(name, row) > 0
        && (ledger.BehaviorOf(row) == ConsumerBehavior.Poison || EffectsOf(row, broker.Queues[name]) > 0));

    private int EffectsOf(OutboxRow row, ModelQueue queue) => database.Effects.GetValueOrDefault((row.EventId, queue.Name));
}
