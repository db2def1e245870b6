using System.Globalization;

namespace Shop.Local.State;

/// <summary>
/// At most one instance per home. The operating system drops the lock when its holder ends, however it ends. Who holds it is
/// in a file beside it, because a locked file cannot be read.
/// </summary>
internal sealed class InstanceLock : IDisposable
{
    public const string LockName = "apphost.lock";
    public const string PidName = "apphost.pid";

    private readonly FileStream _file;
    private readonly string _pidPath;

    private InstanceLock(FileStream file, string pidPath) => (_file, _pidPath) = (file, pidPath);

    /// <exception cref="AnotherInstanceException">Another instance runs in the same home.</exception>
    public static InstanceLock Acquire(string home)
    {
        Directory.CreateDirectory(home);
        FileStream file;
        try
        {
            file = new FileStream(Path.Combine(home, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            throw new AnotherInstanceException(home, Holder(home));
        }

        var pidPath = Path.Combine(home, PidName);
        File.WriteAllText(pidPath, Environment.ProcessId.ToString(CultureInfo.InvariantCulture) + "\n");
        return new InstanceLock(file, pidPath);
    }

    /// <summary>The process id of the instance that runs in <paramref name="home"/>; null when none does.</summary>
    public static int? Running(string home)
    {
        var path = Path.Combine(home, LockName);
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            // A shared lock: fails while an instance holds its exclusive one, and does not block other probes.
            using var probe = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            return null;
        }
        catch (IOException)
        {
            return Holder(home);
        }
    }

    public void Dispose()
    {
        File.Delete(_pidPath);
        _file.Dispose();
    }

    private static int? Holder(string home)
    {
        var path = Path.Combine(home, PidName);
        return File.Exists(path) && int.TryParse(File.ReadAllText(path), CultureInfo.InvariantCulture, out var pid) ? pid : null;
    }
}

internal sealed class AnotherInstanceException(string home, int? pid) : Exception(
    $"A shop already runs in {home} (process {pid?.ToString(CultureInfo.InvariantCulture) ?? "unknown"}). Stop it with: ./shop down")
{
    public int? Pid { get; } = pid;
}
