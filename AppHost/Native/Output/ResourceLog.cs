namespace Shop.AppHost.Native.Output;

/// <summary>What one resource writes: on the console under its name, and in <c>logs/&lt;resource&gt;.log</c>.</summary>
internal sealed class ResourceLog : IDisposable
{
    private const int KeptStarts = 3;
    private const int TailLength = 20;

    private readonly Lock _gate = new();
    private readonly Queue<string> _tail = new();
    private readonly string _name;
    private readonly ConsoleOutput _console;
    private readonly StreamWriter _file;
    private bool _closed;

    /// <summary>Starts a new file; the files of the last three starts stay beside it as .log.1 to .log.3.</summary>
    public ResourceLog(string directory, string name, ConsoleOutput console)
    {
        Directory.CreateDirectory(directory);
        FilePath = Path.Combine(directory, $"{name}.log");
        Rotate(FilePath);
        _name = name;
        _console = console;
        _file = new StreamWriter(new FileStream(FilePath, FileMode.Create, FileAccess.Write, FileShare.ReadWrite)) { AutoFlush = true };
    }

    public string FilePath { get; }

    /// <summary>The last lines, for a message that says why something failed.</summary>
    public IReadOnlyList<string> Tail
    {
        get
        {
            lock (_gate)
            {
                return [.. _tail];
            }
        }
    }

    public void Write(string line)
    {
        lock (_gate)
        {
            if (_closed)
            {
                return;
            }

            _file.WriteLine(line);
            _tail.Enqueue(line);
            if (_tail.Count > TailLength)
            {
                _tail.Dequeue();
            }
        }

        _console.Line(_name, line);
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _closed = true;
            _file.Dispose();
        }
    }

    private static void Rotate(string path)
    {
        for (var age = KeptStarts; age > 0; age--)
        {
            var younger = age == 1 ? path : $"{path}.{age - 1}";
            if (File.Exists(younger))
            {
                File.Move(younger, $"{path}.{age}", overwrite: true);
            }
        }
    }
}
