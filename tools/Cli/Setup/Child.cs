using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Shop.Cli.Setup;

/// <summary>Another program that a command runs to its end.</summary>
internal static class Child
{
    private const int NotStarted = 127;
    private const int SigHup = 1;
    private const int SigInt = 2;
    private const int SigTerm = 15;

    /// <summary>The dotnet that runs this program.</summary>
    public static string Dotnet { get; } = Environment.ProcessPath ?? "dotnet";

    /// <summary>Begins a log: makes its directory, and removes what an earlier run wrote.</summary>
    public static void BeginLog(string log)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(log)!);
        File.Delete(log);
    }

    /// <summary>Runs a program whose output is appended to a log; returns its exit code, or 127 (as shells do) if it cannot be started.</summary>
    public static async Task<int> LogAsync(
        string log, string program, IEnumerable<string> arguments, CancellationToken ct, IReadOnlyDictionary<string, string>? environment = null,
        string? directory = null)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(log)!);
        var start = Start(program, arguments, environment);
        start.RedirectStandardInput = start.RedirectStandardOutput = start.RedirectStandardError = true;
        start.WorkingDirectory = directory ?? start.WorkingDirectory;
        await using var writer = new StreamWriter(log, append: true) { AutoFlush = true };
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            await writer.WriteLineAsync(e.Message);
            return NotStarted;
        }

        using var ended = process;
        process.StandardInput.Close();
        try
        {
            await Task.WhenAll(CopyAsync(process.StandardOutput, writer, ct), CopyAsync(process.StandardError, writer, ct));
            await process.WaitForExitAsync(ct);
            return process.ExitCode;
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }

    /// <summary>Runs a program in this one's place: with its input and output, and with the signals that it gets; its exit code.</summary>
    public static async Task<int> ShowAsync(
        string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null, string? directory = null)
    {
        var start = Start(program, arguments, environment);
        start.WorkingDirectory = directory ?? start.WorkingDirectory;
        using var process = Process.Start(start)!;
        return await ForwardAsync(process);
    }

    /// <summary>Waits for a child in this program's foreground; what ends this one ends that one. Its exit code.</summary>
    public static async Task<int> ForwardAsync(Process process)
    {
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => Forward(signal, SigInt));
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => Forward(signal, SigTerm));
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal => Forward(signal, SigHup));
        await process.WaitForExitAsync(CancellationToken.None);
        return process.ExitCode;

        void Forward(PosixSignalContext signal, int number)
        {
            signal.Cancel = true;

            // A terminal's Ctrl+C has reached both already, and a second one means hurry.
            if (number != SigInt || Console.IsInputRedirected)
            {
                _ = Kill(process.Id, number);
            }
        }
    }

    private static ProcessStartInfo Start(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = ShopHome.Repository };
        start.Environment["SHOP_HOME"] = ShopHome.Root; // whatever directory this one was called from
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        return start;
    }

    private static async Task CopyAsync(StreamReader from, StreamWriter to, CancellationToken ct)
    {
        while (await from.ReadLineAsync(ct) is { } line)
        {
            lock (to)
            {
                to.WriteLine(line);
            }
        }
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int pid, int signal);
}
