using System.Diagnostics;
using System.Globalization;
using Shop.Cli.Setup;
using Shop.Local.State;

namespace Shop.Cli.Running;

/// <summary>The AppHost as a process: in the place of this program, or in the background.</summary>
internal static class AppHostProcess
{
    private const int MaxLines = 25; // a good start writes four
    private static readonly TimeSpan s_timeout = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(100);

    private static string Program => Path.Combine(ShopHome.Repository, "AppHost/bin/Release/net10.0/AppHost.dll");

    /// <summary>What it writes when it runs in the background.</summary>
    public static string Log => ShopHome.Path("logs", "apphost.log");

    public static Process StartHere() => Process.Start(Start(Child.Dotnet, [Program]))!;

    /// <summary>
    /// In its own session, so that no terminal ends it, and with no inherited file descriptor but the log. (The launcher has closed
    /// all others except input and output.)
    /// </summary>
    public static Process StartDetached()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Log)!);
        if (File.Exists(Log))
        {
            File.Move(Log, Log + ".1", overwrite: true);
        }

        const string Script = """
            log=$1; shift
            exec </dev/null >"$log" 2>&1
            if command -v setsid >/dev/null; then exec setsid "$@"; else exec nohup "$@"; fi
            """;
        return Process.Start(Start("/bin/sh", ["-c", Script, "sh", Log, Child.Dotnet, Program]))!;
    }

    /// <summary>Shows its output, the dashboard's address first, until it has started.</summary>
    public static async Task ShowLogAsync(CancellationToken started)
    {
        var shown = 0;
        while (true)
        {
            var last = started.IsCancellationRequested;
            string[] lines = File.Exists(Log) ? await File.ReadAllLinesAsync(Log, CancellationToken.None) : [];
            var complete = last || lines.Length == 0 ? lines.Length : lines.Length - 1; // the last may be half a line
            for (; shown < Math.Min(complete, MaxLines); shown++)
            {
                Console.WriteLine(lines[shown]);
            }

            if (last)
            {
                return;
            }

            await Task.Delay(s_interval, CancellationToken.None);
        }
    }

    /// <summary>Waits until everything is healthy. False when it ended before that, has a problem that it cannot mend, or did not come up in time.</summary>
    public static async Task<bool> IsReadyAsync(Process process, CancellationToken ct)
    {
        var watch = Stopwatch.StartNew();
        while (!process.HasExited && watch.Elapsed < s_timeout && !ct.IsCancellationRequested)
        {
            var ready = ShopHome.Path("ready");
            if (File.Exists(ready) && File.ReadAllText(ready).Trim() == process.Id.ToString(CultureInfo.InvariantCulture))
            {
                return true;
            }

            if (ShopState.Read(ShopHome.Root).Problems is { Count: > 0 })
            {
                return false;
            }

            await Task.Delay(s_interval, CancellationToken.None);
        }

        return false;
    }

    private static ProcessStartInfo Start(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = ShopHome.Repository };
        start.Environment["SHOP_HOME"] = ShopHome.Root;
        return start;
    }
}
