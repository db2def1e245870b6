using Shop.Messaging.Relay;
using Shop.Simulation.Tests.Kernel;

namespace Shop.Simulation.Tests.Model;

/// <summary>The broker's reply to a publish.</summary>
internal enum PublishOutcome
{
    Confirmed,
    Returned,
    Nacked,
    ChannelClosed,
    Unknown,
}

internal sealed class ModelExchange(string name)
{
    public string Name { get; } = name;

    public bool Exists { get; set; } = true;

    /// <summary>Whether what comes here makes the broker drop the whole connection.</summary>
    public bool KillsConnections { get; set; }

    public List<ModelQueue> Bound { get; } = [];
}

/// <summary>
/// RabbitMQ as far as relays and consumers can observe. A quorum queue stores a message some time after it arrived; only then is it
/// confirmed and delivered, and from then on it is kept. Messages that are not stored are lost in a restart.
/// </summary>
internal sealed class ModelBroker(World world, Faults faults, Weakness weakness)
{
    private static readonly TimeSpan s_heartbeat = TimeSpan.FromSeconds(2);
    private readonly List<Link> _links = [];
    private bool _up = true;
    private int _life;

    public World World => world;

    public Faults Faults => faults;

    public Dictionary<string, ModelExchange> Exchanges { get; } = [];

    public Dictionary<string, ModelQueue> Queues { get; } = [];

    /// <summary>Copies that were routed to queues: I7's left side.</summary>
    public int Routed { get; private set; }

    public async Task<Link> ConnectAsync(SimProcess client, Action<Link> lost, CancellationToken ct)
    {
        Link? link = null;
        link = new Link(world, faults, client, "broker connection", () =>
        {
            _links.Remove(link!);
            lost(link!);
        }, s_heartbeat);
        await link.CallAsync("connects to the broker", (out bool connected) =>
        {
            connected = _up ? true : throw new ModelException("The broker is starting up.");
            _links.Add(link);
            return null;
        }, ct);
        return link;
    }

    public void Restart(TimeSpan downtime)
    {
        world.Trace?.Write(world.Now, "the broker restarts");
        (_up, _life) = (false, _life + 1);
        foreach (var link in _links.ToArray())
        {
            link.EndByServer("broker shutdown");
        }

        world.After(downtime, () => _up = true);
    }

    public void EndSomeConnection()
    {
        if (_links.Count > 0)
        {
            world.Random.Pick(_links).EndByServer("broker connection lost");
        }
    }

    /// <summary>A publish has arrived on an open channel.</summary>
    public void Publish(OutboxRow row, Link link, Action<PublishOutcome> answer)
    {
        var exchange = Exchanges[row.Type];
        if (exchange.KillsConnections)
        {
            link.EndByServer($"a frame of {row.Seq} that it cannot read");
        }
        else if (!exchange.Exists)
        {
            answer(PublishOutcome.ChannelClosed);
        }
        else if (exchange.Bound.Count == 0)
        {
            answer(weakness == Weakness.NotMandatory ? PublishOutcome.Confirmed : PublishOutcome.Returned);
        }
        else
        {
            Take(row, exchange.Bound, answer);
        }
    }

    private void Take(OutboxRow row, List<ModelQueue> queues, Action<PublishOutcome> answer)
    {
        var (life, missing, nacked) = (_life, queues.Count, faults.Nacks());
        foreach (var queue in queues)
        {
            if (nacked && queue == queues[^1])
            {
                answer(PublishOutcome.Nacked);
                return;
            }

            queue.EnqueueLater(faults.Latency(), () => life == _life, () =>
            {
                Routed++;
                queue.Enqueue(row);
                if (--missing == 0 && !faults.LosesConfirm())
                {
                    answer(PublishOutcome.Confirmed);
                }
            });
        }
    }
}
