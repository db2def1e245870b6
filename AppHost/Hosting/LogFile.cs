namespace Shop.AppHost.Hosting;

/// <summary>What one resource writes, in <c>logs/&lt;resource&gt;.log</c>.</summary>
internal sealed class LogFile : IDisposable
{
    private const int KeptStarts = 3;

    private readonly Lock _gate = new();
    private readonly StreamWriter _file;
    private bool _closed;

    /// <summary>Starts a new file; the files of the last three starts stay beside it as .log.1 to .log.3.</summary>
    public LogFile(string directory, string name)
    {
        Directory.CreateDirectory(directory);
        var path = Path.Combine(directory, $"{name}.log");
        Rotate(path);
        _file = new StreamWriter(new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.ReadWrite)) { AutoFlush = true };
    }

    public void Write(string line)
    {
        lock (_gate)
        {
            if (!_closed)
            {
                _file.WriteLine(line);
            }
        }
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
