using System.Runtime.Versioning;
using System.Text.RegularExpressions;

namespace Shop.Cli.Tests;

/// <summary>Every command of the documentation is one that the program knows, with these words and options.</summary>
[UnsupportedOSPlatform("windows")]
public sealed partial class DocumentedCommandTests : IDisposable
{
    /// <summary>The program parses the command line and does nothing.</summary>
    private const string ParseOnly = "[diagram]";

    /// <summary>For a variable of the shell.</summary>
    private const string AnId = "019abf38-6f2b-7000-8000-000000000000";

    private readonly ShopProgram _shop = new();

    public void Dispose() => _shop.Dispose();

    [Fact]
    public async Task Every_command_and_option_in_the_docs_exists()
    {
        var commands = Pages().SelectMany(page => CommandsOf(File.ReadAllText(page))).Distinct().ToList();
        Assert.True(commands.Count > 40, $"Only {commands.Count} commands were found.");

        List<string> unknown = [];
        await Parallel.ForEachAsync(commands, new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (command, _) =>
        {
            if (await WrongWordOfAsync(command) is { } wrong)
            {
                lock (unknown)
                {
                    unknown.Add($"./shop {command}: {wrong}");
                }
            }
        });
        Assert.Empty(unknown);
    }

    [Theory]
    [InlineData("tests", "There is no command 'tests'.")]
    [InlineData("outbox retry ordering one two", "'two'")]
    [InlineData("demo --order 3", "'--order'")]
    [InlineData("bench throughput", "There is no scenario 'throughput'.")]
    public async Task A_command_that_does_not_exist_is_found(string command, string said) =>
        Assert.Contains(said, await WrongWordOfAsync(command), StringComparison.Ordinal);

    /// <summary>What the program says is wrong with a command line; null if it would run it.</summary>
    private async Task<string?> WrongWordOfAsync(string command)
    {
        var outcome = await _shop.RunAsync([ParseOnly, .. Word().Matches(command).Select(word => word.Value.Trim('"')).Select(word => word.StartsWith('$') || word == "<order>" ? AnId : word)]);
        return outcome.ExitCode == 0 ? null : outcome.Errors;
    }

    private static IEnumerable<string> Pages() => Directory.EnumerateFiles(ShopProgram.Repository, "*.md", SearchOption.AllDirectories)
        .Where(page => !Path.GetRelativePath(ShopProgram.Repository, page).Split('/').Any(part => part.StartsWith('.') || part is "bin" or "obj" or "artifacts"));

    /// <summary>In blocks of commands and in running text: the words after ./shop, to the end of the command.</summary>
    private static IEnumerable<string> CommandsOf(string page) => Command().Matches(page)
        .Select(match => match.Groups[1].Value.Trim())
        .Where(command => !command.Contains("--help", StringComparison.Ordinal) && !command.StartsWith('<'));

    [GeneratedRegex(@"(?<![\w/])\./shop ((?:""[^""\n]*""|<[a-z]+>|[^\s`#|<>&;()]+| (?! *#))+)")]
    private static partial Regex Command();

    [GeneratedRegex(@"""[^""]*""|\S+")]
    private static partial Regex Word();
}
