using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Shop.Local.Servers;

/// <summary>What the output of a finished program was.</summary>
internal sealed record ToolResult(int ExitCode, string Output)
{
    public ToolResult OrThrow(string what) => ExitCode == 0
        ? this
        : throw new InvalidOperationException($"{what} failed with exit code {ExitCode}: {Output.Trim()}");
}

/// <summary>Starting, finding and ending the processes of the servers, also those that an earlier, killed owner left behind.</summary>
internal static class ServerProcesses
{
    public const int Terminate = 15;
    public const int Kill = 9;

    public static bool AmRoot { get; } = OperatingSystem.IsLinux() && geteuid() == 0;

    /// <summary>Runs a short-lived program to its end.</summary>
    public static async Task<ToolResult> RunAsync(
        string program,
        IEnumerable<string> arguments,
        CancellationToken ct,
        string? input = null,
        IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/",
        };
        Clean(start.Environment, environment);
        using var process = Start(start);
        var output = process.StandardOutput.ReadToEndAsync(ct);
        var errors = process.StandardError.ReadToEndAsync(ct);
        try
        {
            await process.StandardInput.WriteAsync(input.AsMemory(), ct);
            process.StandardInput.Close();
            await process.WaitForExitAsync(ct);
            return new ToolResult(process.ExitCode, await output + await errors);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }

    public static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception notFound)
        {
            throw new ServerMissingException($"The program '{start.FileName}' cannot be started: {notFound.Message}", notFound);
        }
    }

    /// <summary>The caller's environment without what would redirect a server or its tools to another server.</summary>
    public static void Clean(IDictionary<string, string?> environment, IReadOnlyDictionary<string, string>? additions)
    {
        foreach (var name in environment.Keys.Where(IsServerSetting).ToList())
        {
            environment.Remove(name);
        }

        foreach (var (name, value) in additions ?? new Dictionary<string, string>())
        {
            environment[name] = value;
        }
    }

    private static bool IsServerSetting(string name) =>
        name.StartsWith("PG", StringComparison.Ordinal)
        || name.StartsWith("RABBITMQ_", StringComparison.Ordinal)
        || name.StartsWith("ERL_", StringComparison.Ordinal);

    /// <summary>Every living process that <paramref name="matches"/>, given its directory under /proc.</summary>
    public static IReadOnlyList<int> Find(Func<string, bool> matches)
    {
        if (!Directory.Exists("/proc/self"))
        {
            return [];
        }

        var found = new List<int>();
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out var id)
                && id != Environment.ProcessId
                && Matches(directory, matches))
            {
                found.Add(id);
            }
        }

        return found;
    }

    private static bool Matches(string directory, Func<string, bool> matches)
    {
        try
        {
            return matches(directory);
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return false; // ended meanwhile, or another user's
        }
    }

    public static void Signal(IEnumerable<int> processes, int signal)
    {
        foreach (var process in processes)
        {
            _ = kill(process, signal);
        }
    }

    /// <summary>Waits until <paramref name="condition"/> holds; false if it did not within the time.</summary>
    public static async Task<bool> WaitAsync(Func<Task<bool>> condition, TimeSpan within, CancellationToken ct)
    {
        var waited = Stopwatch.StartNew();
        while (!await condition())
        {
            if (waited.Elapsed > within)
            {
                return false;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(25), ct);
        }

        return true;
    }

    public static Task<bool> WaitAsync(Func<bool> condition, TimeSpan within, CancellationToken ct) =>
        WaitAsync(() => Task.FromResult(condition()), within, ct);

    /// <summary>Writes a file that only its owner may read: the caller, or the user given if the caller is root.</summary>
    public static async Task WritePrivateAsync(string file, string content, string? owner, CancellationToken ct)
    {
        var written = await RunAsync("install", [.. Owned(owner), "-m", "600", "/dev/stdin", file], ct, content);
        written.OrThrow($"Writing {file}");
    }

    public static async Task MakePrivateDirectoryAsync(string directory, string? owner, CancellationToken ct)
    {
        var made = await RunAsync("install", ["-d", .. Owned(owner), "-m", "700", directory], ct);
        made.OrThrow($"Making {directory}");
    }

    private static string[] Owned(string? owner) => owner is null ? [] : ["-o", owner, "-g", owner];

    /// <summary>The last lines of a log, for the message of a failure.</summary>
    public static string Tail(string file, int lines = 15) => File.Exists(file)
        ? string.Join(Environment.NewLine, File.ReadLines(file).TakeLast(lines))
        : "(no log was written)";

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int kill(int processId, int signal);

    [DllImport("libc", EntryPoint = "geteuid")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern uint geteuid();
}
