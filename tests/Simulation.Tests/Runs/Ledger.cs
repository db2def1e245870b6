using Shop.Messaging.Relay;
using Shop.Simulation.Tests.Kernel;
using Shop.Simulation.Tests.Model;

namespace Shop.Simulation.Tests.Runs;

/// <summary>How consumers handle an event.</summary>
internal enum ConsumerBehavior
{
    Plain,

    /// <summary>The handler fails the first time.</summary>
    Flaky,

    /// <summary>The handler also writes something under a business key, before anything else.</summary>
    Noted,

    /// <summary>The handler causes an event of its own, in the same transaction.</summary>
    Causing,

    /// <summary>The handler fails every time.</summary>
    Poison,
}

/// <summary>Records what was committed, and checks at every arrival what a queue may receive.</summary>
internal sealed class Ledger(World world)
{
    private readonly Dictionary<string, List<OutboxRow>> _streams = [];
    private readonly Dictionary<(string Queue, string Stream), int> _arrived = [];
    private readonly Dictionary<(string Queue, Guid EventId), int> _copies = [];
    private readonly Dictionary<Guid, ConsumerBehavior> _committed = [];

    public int Count => _committed.Count;

    public IEnumerable<OutboxRow> Events => _streams.Values.SelectMany(stream => stream);

    public IReadOnlyDictionary<string, List<OutboxRow>> Streams => _streams;

    public ConsumerBehavior BehaviorOf(OutboxRow row) => _committed.GetValueOrDefault(row.EventId);

    /// <summary>Called in the commit of the unit of work.</summary>
    public void Committed(OutboxRow row)
    {
        var stream = _streams.TryGetValue(row.Stream, out var known) ? known : _streams[row.Stream] = [];
        if (stream.Count > 0 && stream[^1].Seq > row.Seq)
        {
            world.Fail($"The model is wrong: {row.Seq} of {row.Stream} was committed after {stream[^1].Seq}.");
        }

        stream.Add(row);
        _committed.Add(row.EventId, world.Random.Below(20) switch
        {
            0 => ConsumerBehavior.Poison,
            < 4 => ConsumerBehavior.Flaky,
            < 8 => ConsumerBehavior.Noted,
            < 11 => row.Stream[0] == 'f' ? ConsumerBehavior.Plain : ConsumerBehavior.Causing,
            _ => ConsumerBehavior.Plain,
        });
        world.Trace?.Write(world.Now, $"committed: {row.Seq} of {row.Stream} ({row.Type}, {_committed[row.EventId]})");
    }

    /// <summary>Called when a queue stores a message.</summary>
    public void Arrived(OutboxRow row, ModelQueue queue)
    {
        world.Trace?.Write(world.Now, $"{queue.Name} stores {row.Seq} of {row.Stream}");
        if (!_committed.ContainsKey(row.EventId))
        {
            world.Fail($"I8: {row.Seq} of {row.Stream} came to {queue.Name}, and nobody committed it.");
            return;
        }

        var copies = _copies[(queue.Name, row.EventId)] = CopiesAt(queue.Name, row) + 1;
        if (copies == 1)
        {
            var before = ArrivedAt(queue.Name, row.Stream);
            var next = _streams[row.Stream].Where(other => Topology.QueuesOf(other.Type).Contains(queue.Name)).ElementAt(before);
            if (next.EventId != row.EventId)
            {
                world.Fail($"M4: {row.Seq} of {row.Stream} came to {queue.Name} before {next.Seq}.");
            }

            _arrived[(queue.Name, row.Stream)] = before + 1;
        }
    }

    public int ArrivedAt(string queue, string stream) => _arrived.GetValueOrDefault((queue, stream));

    public int CopiesAt(string queue, OutboxRow row) => _copies.GetValueOrDefault((queue, row.EventId));
}

/// <summary>Which queues the events of each type are bound to, while they are.</summary>
internal static class Topology
{
    public const string Common = "common";
    public const string Shaky = "shaky";
    public const string Stuck = "stuck";

    public static readonly string[] Queues = ["first", "second"];

    public static readonly string[] Exchanges = [Common, Shaky, Stuck];

    private static readonly string[] s_first = ["first"];

    public static string[] QueuesOf(string exchange) => exchange == Common ? Queues : s_first;
}
