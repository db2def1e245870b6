using Shop.Messaging.Relay;
using Shop.Simulation.Tests.Kernel;

namespace Shop.Simulation.Tests.Model;

/// <summary>A queue: unacknowledged messages are requeued when their consumer is gone.</summary>
internal sealed class ModelQueue(World world, string name, Action<OutboxRow, ModelQueue> arrived)
{
    /// <summary>A consumer's failures before the message is a dead letter.</summary>
    private const int FailuresAllowed = 3;

    private readonly LinkedList<ModelMessage> _ready = [];
    private readonly List<ModelSubscription> _subscriptions = [];
    private TimeSpan _lastTaken;
    private int _waiting;

    public string Name => name;

    public int Consumed { get; private set; }

    public int Repeats { get; private set; }

    public List<OutboxRow> DeadLetters { get; } = [];

    public bool IsEmpty => _ready.Count == 0 && _waiting == 0 && _subscriptions.All(subscription => subscription.Unacknowledged == 0);

    /// <summary>Enqueues a message after those that arrived before it, if the broker is still up then.</summary>
    public void EnqueueLater(TimeSpan delay, Func<bool> stillLives, Action enqueue)
    {
        var at = world.Now + delay;
        _lastTaken = at > _lastTaken ? at : _lastTaken + TimeSpan.FromMicroseconds(1);
        world.After(_lastTaken - world.Now, () =>
        {
            if (stillLives())
            {
                enqueue();
            }
        });
    }

    public void Enqueue(OutboxRow row)
    {
        arrived(row, this);
        _ready.AddLast(new ModelMessage(row));
        Deliver();
    }

    public ModelSubscription Subscribe(Link link, int prefetch, Action<ModelMessage> deliver)
    {
        var subscription = new ModelSubscription(this, link, prefetch, deliver);
        _subscriptions.Add(subscription);
        Deliver();
        return subscription;
    }

    public void Unsubscribe(ModelSubscription subscription, IReadOnlyList<ModelMessage> back)
    {
        _subscriptions.Remove(subscription);
        for (var i = back.Count - 1; i >= 0; i--)
        {
            _ready.AddFirst(back[i]);
        }

        Deliver();
    }

    public void Acknowledged(bool first)
    {
        (Consumed, Repeats) = first ? (Consumed + 1, Repeats) : (Consumed, Repeats + 1);
        Deliver();
    }

    public void Failed(ModelMessage message)
    {
        if (++message.Failures >= FailuresAllowed)
        {
            world.Trace?.Write(world.Now, $"{name}: {message.Row.Seq} is a dead letter");
            DeadLetters.Add(message.Row);
        }
        else
        {
            _waiting++;
            world.After(TimeSpan.FromMilliseconds(100 << message.Failures), () =>
            {
                _waiting--;
                _ready.AddLast(message);
                Deliver();
            });
        }

        Deliver(); // it has made room, however it was settled
    }

    /// <summary>Sent to the dead letters by a consumer that had acknowledged it before: only for the negative control.</summary>
    public void DeadLetter(ModelMessage message)
    {
        if (message.IsAcknowledged)
        {
            message.IsAcknowledged = false;
            Consumed--;
            DeadLetters.Add(message.Row);
        }
    }

    private void Deliver()
    {
        while (_ready.First is { } first && _subscriptions.Where(subscription => subscription.HasRoom).ToList() is { Count: > 0 } free)
        {
            _ready.RemoveFirst();
            world.Random.Pick(free).Deliver(first.Value);
        }
    }
}

internal sealed class ModelMessage(OutboxRow row)
{
    public OutboxRow Row { get; } = row;

    public int Failures { get; set; }

    public bool IsAcknowledged { get; set; }
}

/// <summary>A consumer's channel at the broker.</summary>
internal sealed class ModelSubscription(ModelQueue queue, Link link, int prefetch, Action<ModelMessage> deliver)
{
    private readonly List<ModelMessage> _unacknowledged = [];

    public int Unacknowledged => _unacknowledged.Count;

    public bool HasRoom => link.IsServed && _unacknowledged.Count < prefetch;

    public void Deliver(ModelMessage message)
    {
        _unacknowledged.Add(message);
        link.Answer(TimeSpan.FromMicroseconds(200), () => deliver(message));
    }

    /// <summary>Sent by the client: <paramref name="first"/> is whether it processed the message, for the count only.</summary>
    public void Acknowledge(ModelMessage message, bool first) => Settle(message, () =>
    {
        message.IsAcknowledged = true;
        queue.Acknowledged(first);
    });

    /// <summary>Sent by the client: the message is redelivered later, or dead-lettered.</summary>
    public void Fail(ModelMessage message) => Settle(message, () => queue.Failed(message));

    /// <summary>The client is gone.</summary>
    public void Lost()
    {
        var back = _unacknowledged.ToArray();
        _unacknowledged.Clear();
        queue.Unsubscribe(this, back);
    }

    private void Settle(ModelMessage message, Action settled)
    {
        if (link.IsUp)
        {
            link.Send(() =>
            {
                if (_unacknowledged.Remove(message))
                {
                    settled();
                }
            });
        }
    }
}
