using System.Runtime.Versioning;

namespace Shop.Cli.Tests;

/// <summary>Every command of the documentation is one that the program knows, with these words and options.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class DocumentedCommandTests : IDisposable
{
    /// <summary>The program parses the command line and does nothing.</summary>
    private const string ParseOnly = "[diagram]";

    /// <summary>For a placeholder and a variable of the shell.</summary>
    private const string AnId = "019abf38-6f2b-7000-8000-000000000000";

    private readonly ShopProgram _shop = new();

    public void Dispose() => _shop.Dispose();

    [Fact]
    public async Task Every_command_and_option_in_the_docs_exists()
    {
        var commands = DocumentedCommands.All();
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
        var outcome = await _shop.RunAsync([ParseOnly, .. DocumentedCommands.Words(command, valueOf: _ => AnId)]);
        return outcome.ExitCode == 0 ? null : outcome.Errors;
    }
}
