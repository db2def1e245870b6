namespace Shop.Simulation.Tests.Kernel;

/// <summary>
/// A process of the simulated shop. Code that awaits in it continues through it: never once it is dead, later while it is paused.
/// </summary>
internal sealed class SimProcess : SynchronizationContext
{
    private readonly World _world;
    private readonly List<Link> _links = [];
    private readonly CancellationTokenSource _stopping = new();

    public SimProcess(World world, string name)
    {
        (_world, Name) = (world, name);
        Clock = new SimClock(world, this);
    }

    public string Name { get; }

    public SimClock Clock { get; }

    /// <summary>Asked to stop in good order.</summary>
    public CancellationToken Stopping => _stopping.Token;

    public bool IsDead { get; private set; }

    /// <summary>Set once its program has ended, requested or not.</summary>
    public bool HasEnded { get; private set; }

    public TimeSpan PausedUntil { get; private set; }

    public bool IsPaused => PausedUntil > _world.Now;

    /// <summary>Called when it has crashed or ended, so that another is started in its place.</summary>
    public Action? Gone { get; set; }

    public void Start(Func<Task> program) => _world.Post(this, _ => RunToTheEnd(program), null);

    public void Stop()
    {
        _world.Trace?.Write(_world.Now, $"{Name} is asked to stop");

        // Outside of the process, as the host's shutdown is: code that waits for the token continues in the process.
        _stopping.Cancel();
    }

    public void Pause(TimeSpan time)
    {
        _world.Trace?.Write(_world.Now, $"{Name} is paused for {time.TotalMilliseconds:0} ms");
        PausedUntil = _world.Now + time;
    }

    public void Kill()
    {
        _world.Trace?.Write(_world.Now, $"{Name} crashes");
        IsDead = true;
        foreach (var link in _links.ToArray())
        {
            link.ClientDied();
        }

        Gone?.Invoke();
    }

    public void Attach(Link link) => _links.Add(link);

    public void Detach(Link link) => _links.Remove(link);

    /// <summary>Starts work that nothing in the process awaits, such as the handling of a delivery.</summary>
    public void Run(Func<Task> work) => _world.Post(this, _ => Observe(work), null);

    public override void Post(SendOrPostCallback d, object? state) => _world.Post(this, d, state);

    public override void Send(SendOrPostCallback d, object? state) => throw new NotSupportedException();

    public override SynchronizationContext CreateCopy() => this;

    private async void RunToTheEnd(Func<Task> program)
    {
        try
        {
            await program();
        }
        catch (Exception e)
        {
            _world.Fail($"{Name} ended with {e}");
        }

        _world.Trace?.Write(_world.Now, $"{Name} has ended");
        HasEnded = IsDead = true;
        foreach (var link in _links.ToArray())
        {
            link.Close();
        }

        Gone?.Invoke();
    }

    private async void Observe(Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (Exception e)
        {
            _world.Fail($"{Name} did not expect {e}");
        }
    }
}
