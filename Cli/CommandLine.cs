using System.Runtime.InteropServices;

namespace Shop.Cli;

/// <summary>One thing that this program does.</summary>
/// <param name="Name">The word that chooses it.</param>
/// <param name="Usage">How it is called, for its help and for a wrong call.</param>
/// <param name="Summary">One line for the list of commands.</param>
/// <param name="RunAsync">Gets the words after the name; returns the exit code.</param>
internal sealed record Command(
    string Name, string Usage, string Summary, Func<Arguments, CancellationToken, Task<int>> RunAsync);

/// <summary>The command was not called as its usage says.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>Chooses the command and turns its troubles into messages and exit codes: 0 good, 1 failed, 2 called wrongly.</summary>
internal static class CommandLine
{
    public static async Task<int> RunAsync(IReadOnlyList<Command> commands, string[] args)
    {
        if (args is [] or ["--help" or "-h" or "help", ..])
        {
            Help(commands, Console.Out);
            return args.Length == 0 ? 2 : 0;
        }

        var command = commands.FirstOrDefault(c => c.Name == args[0]);
        if (command is null)
        {
            await Console.Error.WriteLineAsync($"There is no command '{args[0]}'.");
            Help(commands, Console.Error);
            return 2;
        }

        var rest = args[1..];
        if (rest.Any(a => a is "--help" or "-h"))
        {
            Console.WriteLine($"{command.Summary}\n\nUsage: {command.Usage}");
            return 0;
        }

        return await RunAsync(command, new Arguments(rest));
    }

    private static async Task<int> RunAsync(Command command, Arguments arguments)
    {
        using var stop = new CancellationTokenSource();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        try
        {
            return await command.RunAsync(arguments, stop.Token);
        }
        catch (UsageException e)
        {
            await Console.Error.WriteLineAsync($"{e.Message}\nUsage: {command.Usage}");
            return 2;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return 130;
        }

        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = true;
            _ = stop.CancelAsync();
        }
    }

    private static void Help(IReadOnlyList<Command> commands, TextWriter writer)
    {
        writer.WriteLine("Usage: shop-cli <command> [options]   (called by ./shop)\n");
        var width = commands.Max(c => c.Name.Length);
        commands.ToList().ForEach(c => writer.WriteLine($"  {c.Name.PadRight(width)}  {c.Summary}"));
    }
}
