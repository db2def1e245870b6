namespace Shop.Simulation.Tests.Model;

/// <summary>
/// A table with a unique key. Committed rows are what everybody sees; a row that a transaction deletes or changes is locked by it
/// until its end, and so does a key that it inserts. All methods can be called again after waiting, and are idempotent.
/// </summary>
internal sealed class Table<TKey, TValue>(string name)
    where TKey : notnull
{
    private readonly SortedList<TKey, Row> _rows = [];
    private readonly Dictionary<TKey, Pending> _inserting = [];

    public IList<Row> Rows => _rows.Values;

    public int Count => _rows.Count;

    public Row? Find(TKey key) => _rows.GetValueOrDefault(key);

    /// <summary>Inserts, or returns the transaction that it has to wait for.</summary>
    public ModelTransaction? Insert(ModelTransaction transaction, TKey key, TValue value)
    {
        if (_inserting.TryGetValue(key, out var pending))
        {
            return pending.Owner == transaction ? null : pending.Owner;
        }

        if (_rows.TryGetValue(key, out var row) && !(row.IsDeleted && row.Locker == transaction))
        {
            return row.IsDeleted ? row.Locker : throw new UniqueViolationException(name, key);
        }

        pending = new Pending(transaction, value);
        _inserting.Add(key, pending);
        transaction.OnCommit(() =>
        {
            _inserting.Remove(key);
            _rows[key] = new Row(key, pending.Value);
        });
        transaction.OnRollback(() => _inserting.Remove(key));
        return null;
    }

    public ModelTransaction? Delete(ModelTransaction transaction, Row row)
    {
        if (row.IsGone || row.Locker == transaction)
        {
            return null;
        }

        if (row.Locker is not null)
        {
            return row.Locker;
        }

        (row.Locker, row.IsDeleted) = (transaction, true);
        transaction.OnCommit(() =>
        {
            row.IsGone = true;
            _rows.Remove(row.Key);
        });
        transaction.OnRollback(() => (row.Locker, row.IsDeleted) = (null, false));
        return null;
    }

    /// <summary>Changes a committed row, or one that the transaction itself has inserted.</summary>
    public ModelTransaction? Update(ModelTransaction transaction, TKey key, Func<TValue, TValue> change)
    {
        if (_inserting.TryGetValue(key, out var pending) && pending.Owner == transaction)
        {
            pending.Value = change(pending.Value);
            return null;
        }

        if (!_rows.TryGetValue(key, out var row))
        {
            return null;
        }

        if (row.Locker is not null && row.Locker != transaction)
        {
            return row.Locker;
        }

        row.Locker = transaction;
        var value = change(row.Value);
        transaction.OnCommit(() => (row.Value, row.Locker) = (value, null));
        transaction.OnRollback(() => row.Locker = null);
        return null;
    }

    internal sealed class Row(TKey key, TValue value)
    {
        public TKey Key { get; } = key;

        public TValue Value { get; set; } = value;

        public ModelTransaction? Locker { get; set; }

        public bool IsDeleted { get; set; }

        public bool IsGone { get; set; }
    }

    private sealed class Pending(ModelTransaction owner, TValue value)
    {
        public ModelTransaction Owner { get; } = owner;

        public TValue Value { get; set; } = value;
    }
}
