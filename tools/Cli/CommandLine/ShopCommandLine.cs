using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using System.Runtime.InteropServices;

namespace Shop.Cli;

/// <summary>
/// Parses the arguments, runs the command, and maps errors to one style of message and three exit codes: 0 done, 1 failed,
/// 2 usage error.
/// </summary>
internal static class ShopCommandLine
{
    public const int Failed = 1;
    public const int CalledWrongly = 2;
    private const int Interrupted = 130;
    private const int HelpWidth = 100;

    public static async Task<int> RunAsync(IEnumerable<Command> commands, string[] args)
    {
        Terminal.Configure();
        var root = new RootCommand("A shop of four services that communicate by events. ./shop <command> --help shows a command's help.")
        {
            HelpName = "./shop",
        };
        root.Add(new DiagramDirective()); // ./shop [diagram] <command>: only parses it
        root.Options.Remove(root.Options.Single(option => option is VersionOption));
        root.Options.OfType<HelpOption>().ToList().ForEach(help => help.Action = new HelpAction { MaxWidth = HelpWidth });
        commands.ToList().ForEach(root.Add);

        var parsed = root.Parse(args is ["help", .. var rest] ? [.. rest, "--help"] : args);
        if (parsed.Action is HelpAction)
        {
            parsed.CommandResult.Command.Subcommands.ToList().ForEach(command => command.Description = About.Summary(command.Description));
            return parsed.Invoke();
        }

        return parsed.Errors.Count > 0 ? Wrong(parsed, Explain(parsed)) : await InvokeAsync(parsed);
    }

    private static async Task<int> InvokeAsync(ParseResult parsed)
    {
        using var stop = new CancellationTokenSource();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, Stop);
        try
        {
            return await parsed.InvokeAsync(
                new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null }, stop.Token);
        }
        catch (UsageException e)
        {
            return Wrong(parsed, e.Message);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return Interrupted;
        }
        catch (Exception e) when (e is FailureException or InvalidOperationException or IOException or HttpRequestException)
        {
            Terminal.Error(e.Message);
            return Failed;
        }

        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = true;
            _ = stop.CancelAsync();
        }
    }

    private static int Wrong(ParseResult parsed, string message)
    {
        Terminal.Error($"{message}\nSee: {Path(parsed.CommandResult)} --help");
        return CalledWrongly;
    }

    private static string Explain(ParseResult parsed)
    {
        if (parsed.Tokens.Count == 0)
        {
            return "A command is missing.";
        }

        if (parsed.UnmatchedTokens is not [var word, ..])
        {
            return parsed.Errors[0].Message;
        }

        var command = parsed.CommandResult.Command;
        var known = word.StartsWith('-')
            ? command.Options.SelectMany(option => option.Aliases.Append(option.Name))
            : command.Subcommands.Select(sub => sub.Name);
        var what = command is RootCommand && !word.StartsWith('-') ? $"There is no command '{word}'." : $"'{word}' is not a known argument.";
        return Similar.To(word, known) is { } similar ? $"{what} Did you mean '{similar}'?" : what;
    }

    private static string Path(CommandResult result) => result.Parent is CommandResult parent
        ? $"{Path(parent)} {result.Command.Name}"
        : "./shop";
}
