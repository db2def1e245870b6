using Shop.Messaging.Inbox;
using Shop.Messaging.Relay;
using Shop.Simulation.Tests.Kernel;
using Shop.Simulation.Tests.Model;

namespace Shop.Simulation.Tests.Runs;

/// <summary>
/// An instance of a consumer: processes deliveries concurrently, each through the inbox, and acknowledges what the inbox allows to
/// be acknowledged. It waits for an unavailable database; other failures are retried immediately, and then requeued.
/// </summary>
internal sealed class Consumer(
    SimProcess process, ModelDatabase database, ModelBroker broker, ModelQueue queue, Ledger ledger, UnitsOfWork units, Weakness weakness)
{
    private const int Prefetch = 3;
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(150);
    private readonly Stack<ModelSession> _idle = [];

    public async Task RunAsync()
    {
        while (!process.Stopping.IsCancellationRequested)
        {
            try
            {
                var lost = new TaskCompletionSource();
                ModelSubscription? subscription = null;
                var link = await broker.ConnectAsync(process, _ => subscription?.Lost(), process.Stopping);
                link.ClientLost = () => lost.TrySetResult();
                await link.CallAsync("subscribes", (out bool done) =>
                {
                    subscription = queue.Subscribe(link, Prefetch, message => process.Run(() => HandleAsync(link, subscription!, message)));
                    done = true;
                    return null;
                }, process.Stopping);
                await lost.Task;
            }
            catch (Exception e) when (e is LinkLostException or ModelException)
            {
                await Task.Delay(s_pause, process.Clock);
            }
        }
    }

    private async Task HandleAsync(Link link, ModelSubscription subscription, ModelMessage message)
    {
        if (weakness == Weakness.AcknowledgeBeforeCommit)
        {
            subscription.Acknowledge(message, first: true);
        }

        var failures = 0;
        while (true)
        {
            try
            {
                var first = await AttemptAsync(message.Row, failures > 0 || message.Failures > 0);
                subscription.Acknowledge(message, first);
                return;
            }
            catch (Exception e) when (e is LinkLostException or UnavailableException)
            {
                await Task.Delay(s_pause, process.Clock);
                if (!link.IsUp && weakness != Weakness.AcknowledgeBeforeCommit)
                {
                    return; // it is redelivered, to any consumer
                }
            }
            catch (ModelException) when (++failures < 3)
            {
                // Retry immediately.
            }
            catch (ModelException)
            {
                DeadLetter(subscription, message);
                return;
            }
        }
    }

    private void DeadLetter(ModelSubscription subscription, ModelMessage message)
    {
        if (weakness == Weakness.AcknowledgeBeforeCommit)
        {
            queue.DeadLetter(message); // so that only losses by crashes are detected, and not failures
        }
        else
        {
            subscription.Fail(message);
        }
    }

    private async Task<bool> AttemptAsync(OutboxRow row, bool again)
    {
        var session = await SessionAsync();
        bool first;
        await using (var work = new ModelInboxWork(session, weakness))
        {
            first = await InboxProtocol.ProcessOnceAsync(
                work, [row.EventId], queue.Name, _ => ConsumeAsync(work, session, row, again), process.Stopping) > 0;
        }

        if (session.Link.IsUp)
        {
            _idle.Push(session);
        }

        return first;
    }

    private async Task ConsumeAsync(ModelInboxWork work, ModelSession session, OutboxRow row, bool again)
    {
        var temper = ledger.BehaviorOf(row);
        if (temper == ConsumerBehavior.Noted)
        {
            await work.AddNoteAsync(row.EventId, queue.Name);
        }

        if (temper == ConsumerBehavior.Poison || (temper == ConsumerBehavior.Flaky && !again))
        {
            await session.RunAsync("reads something that is not there", () => null);
            throw new ModelException("The handler failed.");
        }

        work.AddEffect(row.EventId, queue.Name);
        if (temper == ConsumerBehavior.Causing)
        {
            var caused = Producer.Event(units, $"f{units.EventsMade}", Topology.Common);
            work.Append(seq => caused with { Seq = seq }, ledger.Committed);
        }

        if (row.Seq % 2 == 0)
        {
            await work.SaveAsync(); // the handler saves itself
        }
    }

    private async Task<ModelSession> SessionAsync()
    {
        while (_idle.TryPop(out var idle))
        {
            if (idle.Link.IsUp)
            {
                return idle;
            }
        }

        try
        {
            return await database.OpenAsync(process, lease: null, fenced: true, CancellationToken.None);
        }
        catch (ModelException)
        {
            throw new UnavailableException();
        }
    }

    private sealed class UnavailableException : Exception;
}
