namespace Shop.Simulation.Tests.Kernel;

/// <summary>
/// What may go wrong in this run, and how often. Each seed has some kinds of fault and not others, so that rare ones are not
/// drowned by frequent ones; one seed in eight has none at all.
/// </summary>
internal sealed class Faults
{
    private readonly SimRandom _random;
    private readonly double _lostRequests;
    private readonly double _lostAnswers;
    private readonly double _lateNotices;
    private readonly double _slowHops;
    private readonly double _crashes;
    private readonly double _lostConfirms;
    private readonly double _lateConfirms;
    private readonly double _doubleConfirms;
    private readonly double _nacks;

    public Faults(World world, Emphasis emphasis)
    {
        _random = world.Random;
        IsCalm = _random.Below(8) == 0 && emphasis == Emphasis.None;
        _lostRequests = Some(0.01);
        _lostAnswers = Some(0.02);
        _lateNotices = Some(0.5);
        _slowHops = Some(0.02);
        _crashes = Some(0.003);
        _lostConfirms = Some(0.1);
        _lateConfirms = Some(0.1);
        _doubleConfirms = Some(0.2);
        _nacks = Some(0.05);
        Crashes = Times(3);
        Pauses = emphasis == Emphasis.RelaysPaused ? 6 : Times(4);
        DatabaseRestarts = Times(2);
        BrokerRestarts = Times(2);
        EndedSessions = Times(4);
        Emphasis = emphasis;
        ClockSteps = emphasis == Emphasis.ClocksSetBack ? 3 : Times(3);
        MissingBindings = emphasis == Emphasis.ClocksSetBack ? 3 : Times(3);
        Shutdowns = _random.Below(3);
    }

    public Emphasis Emphasis { get; }

    /// <summary>No faults; processes are only stopped gracefully and started.</summary>
    public bool IsCalm { get; }

    /// <summary>Faults happen only while this is set.</summary>
    public bool AreOn { get; set; } = true;

    public int Crashes { get; }

    public int Pauses { get; }

    public int DatabaseRestarts { get; }

    public int BrokerRestarts { get; }

    public int EndedSessions { get; }

    public int ClockSteps { get; }

    public int MissingBindings { get; }

    /// <summary>Shutdowns in good order, which are no fault.</summary>
    public int Shutdowns { get; }

    public bool LosesRequest() => Happens(_lostRequests);

    public bool LosesAnswer() => Happens(_lostAnswers);

    public bool DetectsLate() => Happens(_lateNotices);

    public bool LosesConfirm() => Happens(_lostConfirms);

    public bool RepeatsConfirm() => Happens(_doubleConfirms);

    public bool Nacks() => Happens(_nacks);

    /// <summary>Whether a process crashes instead of going on after an await.</summary>
    public bool CrashesNow() => Happens(_crashes);

    public TimeSpan Latency() => Happens(_slowHops)
        ? _random.Between(TimeSpan.FromMilliseconds(5), TimeSpan.FromMilliseconds(400))
        : TimeSpan.FromMicroseconds(_random.Between(50, 600));

    public TimeSpan ConfirmLatency() => Happens(_lateConfirms)
        ? _random.Between(TimeSpan.FromMilliseconds(50), TimeSpan.FromMilliseconds(1_200))
        : Latency();

    private bool Happens(double probability) => AreOn && _random.Chance(probability);

    private double Some(double most)
    {
        var chosen = _random.Below(3) == 0;
        var rate = most * _random.NextDouble();
        return chosen && !IsCalm ? rate : 0;
    }

    private int Times(int most)
    {
        var chosen = _random.Below(3) == 0;
        var times = 1 + _random.Below(most);
        return chosen && !IsCalm ? times : 0;
    }
}
