using System.Runtime.Versioning;
using System.Text.RegularExpressions;

namespace Shop.Cli.Tests;

/// <summary>The command line without prior reading: help, mistyped words, a shop that does not run.</summary>
[UnsupportedOSPlatform("windows")]
public sealed partial class CommandLineTests : IDisposable
{
    private const int MostColumns = 100;

    private readonly ShopProgram _shop = new();

    public void Dispose() => _shop.Dispose();

    [Fact]
    public async Task Help_lists_every_command_and_each_has_help_of_at_most_100_columns()
    {
        var all = await _shop.RunAsync("--help");
        var commands = Command().Matches(all.Output.Split("Commands:")[1]).Select(match => match.Groups[1].Value).ToList();

        Assert.Equal(0, all.ExitCode);
        Assert.Equal(["up", "status", "logs", "down", "reset", "env", "token", "demo", "journey", "dead-letters", "outbox", "contracts",
            "topology", "test", "fuzz", "mutate", "break", "concepts", "bench", "pack", "images"], commands);
        var helps = await Task.WhenAll(commands.Select(command => _shop.RunAsync(command, "--help")));
        Assert.All(helps.Prepend(all), help => Assert.Equal((0, ""), (help.ExitCode, help.Errors)));
        Assert.All(helps.Prepend(all).SelectMany(help => help.Output.Split('\n')), line => Assert.InRange(line.Length, 0, MostColumns));
        Assert.Contains("[default: 100]", helps[commands.IndexOf("demo")].Output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(_shop.Home, "logs")), "help has built something");
    }

    [Fact]
    public async Task The_page_about_running_lists_the_commands_as_help_does()
    {
        var commands = (await _shop.RunAsync("--help")).Output.Split("Commands:\n")[1].TrimEnd();
        var page = await File.ReadAllTextAsync(Path.Combine(ShopProgram.Repository, "docs", "running.md"));

        Assert.Contains($"```text\n{commands}\n```", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_build_that_fails_in_a_new_home_says_so_and_where_its_log_is()
    {
        var outcome = await _shop.RunAsync(start => start.Environment["MSBuildSDKsPath"] = "/nowhere", "images");

        Assert.Equal(1, outcome.ExitCode);
        var log = Path.Combine(_shop.Home, "logs", "images.log");
        Assert.Contains($"shop: the image of Ordering was not built. All of the output: {log}", outcome.Errors, StringComparison.Ordinal);
        Assert.Contains("error", await File.ReadAllTextAsync(log), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_mutation_fits_the_code_and_names_a_test()
    {
        var outcome = await _shop.RunAsync("mutate", "--list");

        Assert.Equal((0, ""), (outcome.ExitCode, outcome.Errors));
        Assert.InRange(outcome.Output.Split('\n').Length, 32, 200); // thirty, their heading and the last line's end
    }

    [Fact]
    public async Task Every_exercise_fits_the_code_names_a_test_and_is_on_its_page_as_it_is()
    {
        var outcome = await _shop.RunAsync("break");

        Assert.Equal((0, ""), (outcome.ExitCode, outcome.Errors));
        Assert.Equal(9, outcome.Output.TrimEnd().Split('\n').Length); // eight, and their heading
        var page = await File.ReadAllTextAsync(Path.Combine(ShopProgram.Repository, "docs", "break.md"));
        var exercises = await File.ReadAllLinesAsync(Path.Combine(ShopProgram.Repository, "tests", "exercises.txt"));
        Assert.All(exercises.Where(line => line.Length > 0 && line[0] != '#' && !line.StartsWith("test: ", StringComparison.Ordinal)), line =>
            Assert.Contains(line[0] is '+' or '-' ? line[1..] : line[(line.IndexOf(": ", StringComparison.Ordinal) + 2)..], page, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("There is no command 'stauts'. Did you mean 'status'?", "stauts")]
    [InlineData("'--ordrs' is not a known argument. Did you mean '--orders'?", "demo", "--ordrs", "3")]
    [InlineData("'retyr' is not a queue. Did you mean 'retry'?", "dead-letters", "retyr")]
    [InlineData("'retyr' is not a known argument. Did you mean 'retry'?", "dead-letters", "inventory.order-placed", "retyr")]
    [InlineData("Give the message's queue too.", "dead-letters", "retry", "ordering", "some-id")]
    [InlineData("'orderin' is not a service. Did you mean 'ordering'?", "outbox", "orderin")]
    [InlineData("There is no scenario 'flwo'. Did you mean 'flow'?", "bench", "flwo")]
    [InlineData("There is no scenario 'snet' with --peers. Did you mean 'sent'?", "bench", "--peers", "snet")]
    [InlineData("There is no mutation 'no-inbox-rwo'. Did you mean 'no-inbox-row'?", "mutate", "no-inbox-rwo")]
    [InlineData("There is no exercise 'no-otbox'. Did you mean 'no-outbox'?", "break", "no-otbox")]
    [InlineData("--hours must be a number from 1 to 8760, not '0'.", "token", "ada", "--hours", "0")]
    [InlineData("'x' is not an order id: an id is like 019a3c1e-7d52-7c11-b2a5-3f0e9c4d8a61.", "journey", "x")]
    [InlineData("A command is missing.")]
    public async Task A_usage_error_explains_the_mistake_and_suggests_a_correction(string message, params string[] words)
    {
        var outcome = await _shop.RunAsync(words);

        Assert.Equal((2, ""), (outcome.ExitCode, outcome.Output));
        Assert.StartsWith($"shop: {message}\nSee: ./shop", outcome.Errors, StringComparison.Ordinal);
        Assert.EndsWith(" --help\n", outcome.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("demo")]
    [InlineData("env")]
    [InlineData("journey", "019a3c1e-7d52-7c11-b2a5-3f0e9c4d8a61")]
    [InlineData("dead-letters")]
    [InlineData("outbox")]
    public async Task Commands_that_need_a_running_shop_explain_how_to_start_it(params string[] words)
    {
        // Nobody listens there, whatever runs on this machine.
        await File.WriteAllTextAsync(Path.Combine(_shop.Home, "state.json"), """
            {"services":[{"name":"ordering","url":"http://localhost:1"},{"name":"inventory","url":"http://localhost:1"},
             {"name":"notification","url":"http://localhost:1"},{"name":"analytics","url":"http://localhost:1"}],"servers":[],"others":[]}
            """);
        var outcome = await _shop.RunAsync(words);

        Assert.Equal((1, ""), (outcome.ExitCode, outcome.Output));
        Assert.Equal($"shop: the shop does not run (its home: {_shop.Home}). Start it with: ./shop up -d\n", outcome.Errors);
    }

    [Fact]
    public async Task Reset_asks_and_deletes_nothing_without_a_yes()
    {
        var outcome = await _shop.RunAsync("reset");

        Assert.Equal((1, ""), (outcome.ExitCode, outcome.Output));
        Assert.Contains("shop: nothing was deleted.", outcome.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reset_deletes_what_is_in_the_home_also_where_a_container_runtime_cannot_be_started()
    {
        var podman = Path.Combine(_shop.Home, "podman");
        await File.WriteAllTextAsync(podman, "#!/nowhere/sh\n");
        File.SetUnixFileMode(podman, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        Directory.CreateDirectory(Path.Combine(_shop.Home, "mail"));
        var outcome = await _shop.RunAsync(start => start.Environment["PATH"] = $"{_shop.Home}:{start.Environment["PATH"]}", "reset", "--yes");

        Assert.Equal((0, "Everything is deleted.\n"), (outcome.ExitCode, outcome.Output));
        Assert.False(Directory.Exists(Path.Combine(_shop.Home, "mail")));
    }

    [GeneratedRegex("^  ([a-z-]+)", RegexOptions.Multiline)]
    private static partial Regex Command();
}
