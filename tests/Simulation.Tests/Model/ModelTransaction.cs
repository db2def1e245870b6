namespace Shop.Simulation.Tests.Model;

/// <summary>What a model server answers with an error.</summary>
internal class ModelException(string message) : Exception(message);

internal sealed class UniqueViolationException(string table, object key) : ModelException($"{key} is in {table} already")
{
    public string Table { get; } = table;
}

/// <summary>A transaction of the model database, at READ COMMITTED: its changes are visible to others only after its commit.</summary>
internal sealed class ModelTransaction
{
    private readonly List<Action> _onCommit = [];
    private readonly List<Action> _onRollback = [];
    private List<Action>? _waiters;

    public bool IsDone { get; private set; }

    public ModelTransaction? WaitsFor { get; set; }

    public void OnCommit(Action action) => _onCommit.Add(action);

    public void OnRollback(Action action) => _onRollback.Add(action);

    public void WhenDone(Action action)
    {
        if (IsDone)
        {
            action();
        }
        else
        {
            (_waiters ??= []).Add(action);
        }
    }

    public void Commit() => End(_onCommit);

    public void Rollback() => End(_onRollback);

    private void End(List<Action> actions)
    {
        if (IsDone)
        {
            return;
        }

        IsDone = true;
        foreach (var action in actions)
        {
            action();
        }

        foreach (var waiter in _waiters ?? [])
        {
            waiter();
        }
    }
}
