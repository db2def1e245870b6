using Shop.Simulation.Tests.Kernel;
using Shop.Simulation.Tests.Model;

namespace Shop.Simulation.Tests.Runs;

/// <summary>Injects a run's spontaneous faults, and ends them all.</summary>
internal sealed class Trouble(
    World world, Faults faults, ModelDatabase database, ModelBroker broker, List<SimProcess> living, TimeSpan lease)
{
    private readonly SimRandom _random = world.Random;

    public void Plan(TimeSpan until)
    {
        Some(faults.Crashes, until, () => Someone()?.Kill());
        Some(faults.Pauses, until, PauseSomeone);
        Some(faults.DatabaseRestarts, until, () => database.Restart(Downtime()));
        Some(faults.BrokerRestarts, until, () => broker.Restart(Downtime()));
        Some(faults.EndedSessions, until, database.EndSomeSession);
        Some(faults.EndedSessions, until, broker.EndSomeConnection);
        Some(faults.ClockSteps, until, StepSomeClock);
        Some(faults.MissingBindings, until, () => Break(broker.Exchanges[Topology.Shaky], Downtime()));
        Some(faults.Shutdowns, until, ShutDownSomeRelay);
        Break(broker.Exchanges[Topology.Stuck], lasting: null);
    }

    /// <summary>Ends all faults, except that stuck streams stay stuck.</summary>
    public void End()
    {
        faults.AreOn = false;
        Mend(broker.Exchanges[Topology.Shaky]);
    }

    public void Unstick() => Mend(broker.Exchanges[Topology.Stuck]);

    private void Some(int times, TimeSpan until, Action fault)
    {
        for (var i = 0; i < times; i++)
        {
            world.After(_random.Between(TimeSpan.Zero, until), () =>
            {
                if (faults.AreOn)
                {
                    fault();
                }
            });
        }
    }

    private SimProcess? Someone() => living.Count == 0 ? null : _random.Pick(living);

    private SimProcess? SomeRelay() =>
        living.Where(process => process.Name.StartsWith("relay", StringComparison.Ordinal)).ToList() is { Count: > 0 } relays
            ? _random.Pick(relays) : null;

    private void PauseSomeone()
    {
        if (faults.Emphasis == Emphasis.RelaysPaused)
        {
            SomeRelay()?.Pause(_random.Between(lease, lease * 2));
        }
        else
        {
            Someone()?.Pause(_random.Below(2) == 0
                ? _random.Between(TimeSpan.FromMilliseconds(5), TimeSpan.FromMilliseconds(300))
                : _random.Between(lease * 0.5, lease * 2));
        }
    }

    private TimeSpan Downtime() => _random.Between(TimeSpan.FromMilliseconds(20), TimeSpan.FromMilliseconds(1_500));

    private void StepSomeClock()
    {
        if (Someone() is { } process)
        {
            var step = faults.Emphasis == Emphasis.ClocksSetBack
                ? TimeSpan.FromHours(-_random.NextDouble())
                : TimeSpan.FromHours((_random.NextDouble() * 2) - 1) / (_random.Below(2) == 0 ? 1 : 3_600);
            process.Clock.Skew += step;
            world.Trace?.Write(world.Now, $"the clock of {process.Name} is set by {step.TotalSeconds:0.000} s");
        }
    }

    private void ShutDownSomeRelay()
    {
        if (SomeRelay() is not { } relay)
        {
            return;
        }

        relay.Stop();
        if (faults.IsCalm)
        {
            world.After(TimeSpan.FromSeconds(2), () =>
            {
                if (!relay.HasEnded)
                {
                    world.Fail($"{relay.Name} was asked to stop 2 s ago and still runs.");
                }
            });
        }
    }

    /// <summary>Events that come to this exchange cannot be sent, in one of the ways that there are.</summary>
    private void Break(ModelExchange exchange, TimeSpan? lasting)
    {
        var way = faults.Emphasis == Emphasis.ConnectionsKilled ? 2 : faults.IsCalm ? 0 : _random.Below(3);
        world.Trace?.Write(world.Now, $"exchange {exchange.Name} {(way switch { 0 => "is bound to nothing", 1 => "is gone", _ => "kills connections" })}");
        if (way == 0)
        {
            exchange.Bound.Clear();
        }

        exchange.Exists = way != 1;
        exchange.KillsConnections = way == 2;
        if (lasting is { } time)
        {
            world.After(time, () => Mend(exchange));
        }
    }

    private void Mend(ModelExchange exchange)
    {
        world.Trace?.Write(world.Now, $"exchange {exchange.Name} is well");
        (exchange.Exists, exchange.KillsConnections) = (true, false);
        exchange.Bound.Clear();
        exchange.Bound.AddRange(Topology.QueuesOf(exchange.Name).Select(queue => broker.Queues[queue]));
    }
}
