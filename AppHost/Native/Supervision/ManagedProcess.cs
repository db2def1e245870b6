using System.Diagnostics;
using Shop.AppHost.Native.State;

namespace Shop.AppHost.Native.Supervision;

/// <summary>How to start a program: everything that is not said is inherited.</summary>
internal sealed record ProgramStart(
    string File, IReadOnlyList<string> Arguments, string Directory, IReadOnlyDictionary<string, string> Environment)
{
    /// <summary>Whether it leaves the processor to other programs when they want it.</summary>
    public bool Yields { get; init; }
}

/// <summary>A child process whose output goes, line by line, to a log, and which is asked to end before it is made to.</summary>
internal sealed class ManagedProcess : IDisposable
{
    private const string SetSid = "/usr/bin/setsid";
    private const string Nice = "/usr/bin/nice";

    private readonly Process _process;

    private ManagedProcess(Process process, ProcessIdentity identity, Task<int> exited)
    {
        _process = process;
        Identity = identity;
        Exited = exited;
    }

    public ProcessIdentity Identity { get; }

    /// <summary>Completes with the exit code; 128 and more is the number of the signal that ended it, plus 128.</summary>
    public Task<int> Exited { get; }

    public static ManagedProcess Start(ProgramStart start, Action<string> onLine)
    {
        var info = new ProcessStartInfo
        {
            WorkingDirectory = start.Directory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };

        // A session of its own: Ctrl+C in the terminal reaches the shop alone, which then stops its children in order.
        List<string> command = [start.File, .. start.Arguments];
        if (start.Yields && System.IO.File.Exists(Nice))
        {
            command.InsertRange(0, [Nice, "-n", "10"]);
        }

        if (System.IO.File.Exists(SetSid))
        {
            command.Insert(0, SetSid);
        }

        info.FileName = command[0];
        command.Skip(1).ToList().ForEach(info.ArgumentList.Add);
        foreach (var (name, value) in start.Environment)
        {
            info.Environment[name] = value;
        }

        var process = new Process { StartInfo = info };
        process.OutputDataReceived += (_, e) => Pass(e.Data);
        process.ErrorDataReceived += (_, e) => Pass(e.Data);
        process.Start();
        var identity = ProcessIdentity.Of(process.Id) ?? new ProcessIdentity(process.Id, 0, start.File);
        if (identity.Command.Length == 0)
        {
            identity = identity with { Command = string.Join(' ', command) }; // it is just being replaced by the program
        }

        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return new ManagedProcess(process, identity, WaitAsync(process));

        void Pass(string? line)
        {
            if (line is not null)
            {
                onLine(line);
            }
        }
    }

    /// <summary>Asks the process to end, waits up to <paramref name="grace"/>, then kills it. Says whether it had to.</summary>
    public async Task<bool> StopAsync(TimeSpan grace, CancellationToken hurry)
    {
        if (Exited.IsCompleted)
        {
            return false;
        }

        Signals.Terminate(_process.Id);
        try
        {
            await Exited.WaitAsync(grace, hurry);
            return false;
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            _process.Kill(entireProcessTree: true);
            await Exited;
            return true;
        }
    }

    public void Dispose() => _process.Dispose();

    private static async Task<int> WaitAsync(Process process)
    {
        await process.WaitForExitAsync();
        return process.ExitCode;
    }
}
