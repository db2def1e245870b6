using System.CommandLine;
using System.Diagnostics;
using Shop.Cli.Setup;

namespace Shop.Cli.Running;

/// <summary>Shows what services, migrations and servers write.</summary>
internal static class LogsCommand
{
    private const int Lines = 50;

    // Logs of commands, and not of the shop.
    private static readonly string[] s_tools =
        ["apphost", "aspire-dashboard", "bench-build", "build", "cli-build", "containers", "fuzz", "images", "install"];

    public static Command Create()
    {
        var name = new Argument<string?>("name")
        {
            Arity = ArgumentArity.ZeroOrOne,
            Description = "a service (ordering), a migration (ordering-migrate), a server (postgres, rabbitmq); all without it",
        };
        var follow = new Option<bool>("--follow", "-f") { Description = "goes on with what they write from now on" };
        var command = new Command("logs", $"the last {Lines} lines of what a service or a server wrote, or of all") { name, follow };
        command.SetAction((parsed, _) => RunAsync(parsed.GetValue(name), parsed.GetValue(follow)));
        return command;
    }

    private static Task<int> RunAsync(string? name, bool follow)
    {
        string[] known = [.. Files("logs").Select(Path.GetFileNameWithoutExtension).OfType<string>().Order(StringComparer.Ordinal)];
        string[] files = name switch
        {
            null => [.. Files("logs").Where(file => !s_tools.Contains(Path.GetFileNameWithoutExtension(file))).Order(StringComparer.Ordinal)],
            "postgres" => [.. Files("logs", "postgres.log"), .. Files("postgres", "postgres.log")],
            "rabbitmq" => [.. Files("logs", "rabbitmq.log"), .. Files("rabbitmq/log")],
            _ => [.. Files("logs", $"{name}.log")],
        };
        if (files.Length == 0)
        {
            var similar = name is null ? null : Similar.To(name, known);
            throw new FailureException($"there is no log of '{name ?? "anything"}' yet." + (similar is not null ? $" Did you mean '{similar}'?"
                : $" There is: {(known.Length == 0 ? "none" : string.Join(", ", known))}."));
        }

        return ShowAsync(["-n", $"{Lines}", .. follow ? ["-F"] : Array.Empty<string>(), .. files]);
    }

    /// <summary>Escapes control characters: logs contain untrusted input.</summary>
    private static async Task<int> ShowAsync(IEnumerable<string> arguments)
    {
        using var tail = Process.Start(new ProcessStartInfo("tail", arguments) { RedirectStandardOutput = true })!;
        while (await tail.StandardOutput.ReadLineAsync() is { } line)
        {
            Console.WriteLine(Terminal.Safe(line.Replace("\t", "    ", StringComparison.Ordinal)));
        }

        return await Child.ForwardAsync(tail);
    }

    private static IEnumerable<string> Files(string directory, string pattern = "*.log")
    {
        var path = ShopHome.Path(directory);
        return Directory.Exists(path) ? Directory.EnumerateFiles(path, pattern) : [];
    }
}
