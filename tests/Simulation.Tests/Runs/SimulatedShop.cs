using Microsoft.Extensions.Logging.Abstractions;
using Shop.Messaging;
using Shop.Messaging.Outbox;
using Shop.Messaging.Relay;
using Shop.Simulation.Tests.Kernel;
using Shop.Simulation.Tests.Model;

namespace Shop.Simulation.Tests.Runs;

/// <summary>What became of a seed.</summary>
internal sealed record Outcome(ulong Seed, string? Failure, ulong Fingerprint, int Steps, int Events, int Repeats, IReadOnlyList<string> Trace);

/// <summary>
/// One run: producers, relays and consumers over one database and one broker, faults for a while, then rest. Relays and inboxes are
/// the shop's own code.
/// </summary>
internal sealed class SimulatedShop
{
    private readonly World _world;
    private readonly Faults _faults;
    private readonly Weakness _weakness;
    private readonly MessagingSettings _settings;
    private readonly ModelDatabase _database;
    private readonly ModelBroker _broker;
    private readonly Ledger _ledger;
    private readonly UnitsOfWork _units;
    private readonly TimeSpan _troubleEnds;
    private readonly TimeSpan _writersLinger;
    private readonly List<SimProcess> _living = [];
    private readonly Dictionary<SimProcess, OutboxSignal> _signals = [];

    private SimulatedShop(ulong seed, Weakness weakness, Emphasis emphasis, bool tracing)
    {
        _world = new World(seed, tracing);
        _weakness = weakness;
        _faults = new Faults(_world, emphasis);
        _world.CrashesNow = _faults.CrashesNow;
        _ledger = new Ledger(_world);
        _database = new ModelDatabase(_world, _faults);
        _broker = new ModelBroker(_world, _faults, weakness);
        var random = _world.Random;
        _units = new UnitsOfWork(random.Between(4, 16), withStuckEvent: random.Below(3) == 0 || emphasis == Emphasis.ConnectionsKilled);
        _writersLinger = emphasis == Emphasis.WritersLinger ? TimeSpan.FromSeconds(2) : TimeSpan.Zero;
        _troubleEnds = random.Between(TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(5));
        _settings = new MessagingSettings
        {
            Service = "simulated",
            Database = "",
            Broker = new Uri("amqp://simulated"),
            BatchSize = random.Between(1, emphasis == Emphasis.ConnectionsKilled ? 2 : 8),
            PollInterval = TimeSpan.FromMilliseconds(400),
            ConfirmTimeout = TimeSpan.FromMilliseconds(600),
            RelayLease = TimeSpan.FromMilliseconds(1_500),
            FirstRetryDelay = TimeSpan.FromMilliseconds(300),
            MaxRetryDelay = TimeSpan.FromSeconds(2),
        };
    }

    public static Outcome Run(
        ulong seed, Weakness weakness = Weakness.None, Emphasis emphasis = Emphasis.None, bool tracing = false)
    {
        var before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            return new SimulatedShop(seed, weakness, emphasis, tracing).Run(seed);
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    private Outcome Run(ulong seed)
    {
        BuildTopology();
        StartAll();
        var trouble = new Trouble(_world, _faults, _database, _broker, _living, _settings.RelayLease);
        trouble.Plan(_troubleEnds);
        _world.RunUntil(_troubleEnds);
        trouble.End();

        var checks = new Checks(_world, _faults, _database, _broker, _ledger,
            () => _units.Left == 0 && !_living.Exists(process => process.Name.StartsWith("producer", StringComparison.Ordinal)));
        RestUntil("everything but what is stuck is through", checks.IsDoneExceptStuck, checks);
        checks.NothingOvertookStuckEvents();
        trouble.Unstick();
        RestUntil("everything rests", checks.IsAtRest, checks);
        _world.RunUntil(_world.Now + TimeSpan.FromSeconds(1));
        if (_world.Failure is null)
        {
            checks.AtTheEnd();
        }

        return new Outcome(seed, _world.Failure, _world.Fingerprint, _world.Steps, _ledger.Count,
            _broker.Queues.Values.Sum(queue => queue.Repeats), _world.Trace?.Lines ?? []);
    }

    private void RestUntil(string what, Func<bool> isSo, Checks checks)
    {
        var end = _world.Now + TimeSpan.FromSeconds(60);
        _world.RunUntil(end, isSo);
        if (_world.Failure is null && !isSo())
        {
            _world.Fail($"I6: 60 s after the last fault it does not hold that {what}: {checks.DescribeRemaining()}, "
                + $"{_units.Left} units of work left.");
        }
    }

    private void BuildTopology()
    {
        foreach (var name in Topology.Queues)
        {
            _broker.Queues[name] = new ModelQueue(_world, name, _ledger.Arrived);
        }

        foreach (var name in Topology.Exchanges)
        {
            var exchange = _broker.Exchanges[name] = new ModelExchange(name);
            exchange.Bound.AddRange(Topology.QueuesOf(name).Select(queue => _broker.Queues[queue]));
        }
    }

    private void StartAll()
    {
        var random = _world.Random;
        for (var i = random.Between(2, 3); i > 0; i--)
        {
            StartAndKeepRunning($"relay {i}", RelayAsync);
        }

        for (var i = random.Between(1, 3); i > 0; i--)
        {
            StartAndKeepRunning($"producer {i}", process => new Producer(process, _database, _ledger, _units, SignalSome, _writersLinger).RunAsync());
        }

        foreach (var queue in _broker.Queues.Values)
        {
            for (var i = random.Between(1, 2); i > 0; i--)
            {
                StartAndKeepRunning($"consumer {i} of {queue.Name}", process =>
                    new Consumer(process, _database, _broker, queue, _ledger, _units, _weakness).RunAsync());
            }
        }
    }

    private void StartAndKeepRunning(string name, Func<SimProcess, Task> program)
    {
        var process = new SimProcess(_world, name);
        process.Clock.Skew = _faults.ClockSteps > 0 ? _world.Random.Between(TimeSpan.FromSeconds(-1), TimeSpan.FromSeconds(1)) : TimeSpan.Zero;
        _living.Add(process);
        process.Gone = () =>
        {
            _living.Remove(process);
            _signals.Remove(process);
            if (!process.HasEnded || process.Stopping.IsCancellationRequested)
            {
                _world.After(_world.Random.Between(TimeSpan.FromMilliseconds(50), TimeSpan.FromMilliseconds(1_500)),
                    () => StartAndKeepRunning(name, program));
            }
        };
        process.Start(() => program(process));
    }

    private async Task RelayAsync(SimProcess process)
    {
        var signal = _signals[process] = new OutboxSignal(process.Clock);
        using var relay = new OutboxRelay(_settings, signal,
            new ModelRelayStore(_database, process, _settings.RelayLease, _weakness, () => NotifyOthers(process)),
            new ModelPublisher(_broker, process, _settings), new RecentlyPublished(process.Clock), process.Clock,
            NullLogger<OutboxRelay>.Instance)
        {
            Jitter = _world.Random.NextDouble,
        };
        await relay.RelayAsync(process.Stopping);
    }

    /// <summary>A commit signals its own process, which here is one of the relays'.</summary>
    private void SignalSome()
    {
        var relays = _living.Where(_signals.ContainsKey).ToList();
        if (relays.Count > 0)
        {
            _signals[_world.Random.Pick(relays)].Set();
        }
    }

    private void NotifyOthers(SimProcess notifier)
    {
        foreach (var process in _living.Where(process => process != notifier && _signals.ContainsKey(process)).ToList())
        {
            if (_world.Random.Below(4) > 0)
            {
                _world.After(_faults.Latency(), () => _signals.GetValueOrDefault(process)?.SetByOtherProcess());
            }
        }
    }
}
