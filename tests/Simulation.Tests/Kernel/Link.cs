using Shop.Simulation.Tests.Model;

namespace Shop.Simulation.Tests.Kernel;

/// <summary>
/// A statement at a server: what it answers, or the transaction that it has to wait for before it is run again. Throws what the
/// server answers with an error.
/// </summary>
internal delegate ModelTransaction? Statement<T>(out T answer);

/// <summary>The connection was lost: whether the server executed the request is unknown.</summary>
internal sealed class LinkLostException(string link) : IOException($"{link} was lost.");

/// <summary>
/// A connection from a process to a server. Messages arrive in order with a latency. Each end notices the loss of the
/// other at another time, or only when it has waited long enough.
/// </summary>
internal sealed class Link
{
    private readonly World _world;
    private readonly Faults _faults;
    private readonly SimProcess _client;
    private readonly Action _serverLost;
    private readonly TimeSpan _timeout;
    private readonly List<ICall> _pending = [];
    private TimeSpan _lastArrival;
    private bool _up = true;

    /// <param name="world">Where it is.</param>
    /// <param name="faults">What may go wrong.</param>
    /// <param name="client">The process at one end.</param>
    /// <param name="name">Its name in traces.</param>
    /// <param name="serverLost">What the server does once it detects that the client is gone.</param>
    /// <param name="timeout">After how long the server notices it without a signal.</param>
    public Link(World world, Faults faults, SimProcess client, string name, Action serverLost, TimeSpan timeout)
    {
        (_world, _faults, _client, _serverLost, _timeout) = (world, faults, client, serverLost, timeout);
        Name = $"{client.Name}'s {name}";
        client.Attach(this);
    }

    public string Name { get; }

    /// <summary>Whether the client believes it to be up.</summary>
    public bool IsUp => _up;

    /// <summary>Whether the server still considers it open.</summary>
    public bool IsServed { get; private set; } = true;

    /// <summary>Called when the client notices that it is lost.</summary>
    public Action? ClientLost { get; set; }

    public Task<T> CallAsync<T>(string what, Statement<T> statement, CancellationToken ct = default)
    {
        if (!_up)
        {
            return Task.FromException<T>(new LinkLostException(Name));
        }

        if (ct.IsCancellationRequested)
        {
            return Task.FromCanceled<T>(ct);
        }

        var call = new Call<T>(this, what, statement, _faults.LosesAnswer());
        _pending.Add(call);
        if (_faults.LosesRequest())
        {
            _world.After(_faults.Latency(), () => Cut(what + " (not arrived)"));
            return call.Task;
        }

        if (ct.CanBeCanceled)
        {
            ct.Register(() => call.Cancel(ct));
        }

        Send(call.Execute);
        return call.Task;
    }

    /// <summary>Runs an action at the server after everything sent before, unless the server has closed the connection.</summary>
    public void Send(Action atServer)
    {
        var arrival = _world.Now + _faults.Latency();
        _lastArrival = arrival > _lastArrival ? arrival : _lastArrival + TimeSpan.FromMicroseconds(1);
        _world.After(_lastArrival - _world.Now, () =>
        {
            if (IsServed)
            {
                atServer();
            }
        });
    }

    /// <summary>Runs an action at the client, possibly outside of its process: awaiting code continues inside it.</summary>
    public void Answer(TimeSpan delay, Action atClient) => _world.After(delay, () =>
    {
        if (_up)
        {
            atClient();
        }
    });

    /// <summary>The client closes it: the server notices after it has executed everything sent before.</summary>
    public void Close()
    {
        if (_up)
        {
            Send(LoseServer);
            LoseClient(failing: true);
        }
    }

    /// <summary>The network drops it: the client notices immediately, the server immediately or late.</summary>
    public void Cut(string why)
    {
        _world.Trace?.Write(_world.Now, $"{Name} is cut: {why}");
        LoseClient(failing: true);
        LetServerDetect();
    }

    /// <summary>The server ends it.</summary>
    public void EndByServer(string why)
    {
        _world.Trace?.Write(_world.Now, $"{Name} is ended by the server: {why}");
        LoseServer();
        _world.After(_faults.Latency(), () => LoseClient(failing: true));
    }

    public void ClientDied()
    {
        LoseClient(failing: false);
        LetServerDetect();
    }

    private void LetServerDetect() => _world.After(_faults.DetectsLate() ? _timeout : _faults.Latency(), LoseServer);

    private void LoseClient(bool failing)
    {
        if (!_up)
        {
            return;
        }

        _up = false;
        _client.Detach(this);
        var pending = _pending.ToArray();
        _pending.Clear();
        if (failing)
        {
            foreach (var call in pending)
            {
                call.Fail(new LinkLostException(Name));
            }

            ClientLost?.Invoke();
        }
    }

    private void LoseServer()
    {
        if (IsServed)
        {
            IsServed = false;
            _serverLost();
        }
    }

    private interface ICall
    {
        void Fail(Exception failure);
    }

    private sealed class Call<T>(Link link, string what, Statement<T> statement, bool losesAnswer) : ICall
    {
        private readonly TaskCompletionSource<T> _answer = new();

        public Task<T> Task => _answer.Task;

        public void Execute()
        {
            T answer = default!;
            Exception? error = null;
            try
            {
                if (statement(out answer) is { } blocker)
                {
                    blocker.WhenDone(() => link._world.After(TimeSpan.FromMicroseconds(10), ExecuteAgain));
                    return;
                }
            }
            catch (ModelException e)
            {
                error = e;
            }

            link._world.Trace?.Write(link._world.Now, $"{link._client.Name}: {what}{(error is null ? "" : ": " + error.Message)}");
            if (losesAnswer)
            {
                link.Cut(what + " (no answer)");
                return;
            }

            link.Answer(link._faults.Latency(), () => Complete(answer, error));
        }

        public void Fail(Exception failure) => _answer.TrySetException(failure);

        public void Cancel(CancellationToken ct)
        {
            link._pending.Remove(this);
            _answer.TrySetCanceled(ct);
        }

        private void ExecuteAgain()
        {
            if (link.IsServed)
            {
                Execute();
            }
        }

        private void Complete(T answer, Exception? error)
        {
            link._pending.Remove(this);
            if (error is null)
            {
                _answer.TrySetResult(answer);
            }
            else
            {
                _answer.TrySetException(error);
            }
        }
    }
}
