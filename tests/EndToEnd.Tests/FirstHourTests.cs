using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Shop.EndToEnd.Tests;

/// <summary>The first steps after cloning the repository, by the commands of docs/running.md.</summary>
public sealed partial class FirstHourTests : IAsyncLifetime
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromMinutes(15); // bounds a hang: a busy machine starts ten processes slowly
    private static readonly string s_repository = FindRepository();

    /// <summary>The first words of commands that read a running shop, or print what they read in the code.</summary>
    private static readonly HashSet<string> s_reading =
        ["status", "logs", "env", "token", "journey", "dead-letters", "outbox", "topology", "concepts"];

    /// <summary>A word that makes one of them change something: tests of their own run these.</summary>
    private static readonly HashSet<string> s_changing = ["retry", "discard", "--load"];

    private static readonly Dictionary<string, string> s_notRun = new()
    {
        ["up"] = "in the walk",
        ["down"] = "at the end of this test",
        ["demo"] = "in this test, with few orders",
        ["reset"] = "deletes the data; Cli.Tests",
        ["contracts"] = "the gate checks the contracts, Contracts.Tests do the rest",
        ["test"] = "the gate runs the tests",
        ["fuzz"] = "in the gate, with fewer messages",
        ["mutate"] = "Cli.Tests list them; each takes a minute",
        ["break"] = "Cli.Tests check them; each takes a minute",
        ["bench"] = "takes minutes",
        ["pack"] = "Packages.Tests",
        ["images"] = "builds for minutes, for a registry or a container runtime",
    };

    private readonly string _home = Directory.CreateTempSubdirectory("shop-first-hour-").FullName;

    /// <summary>Not the preferred ports: nothing in the walk may depend on them, and another shop may have them.</summary>
    public async ValueTask InitializeAsync()
    {
        string[] names = ["ordering", "inventory", "notification", "analytics", "console", "dashboard", "dashboard-otlp", "dashboard-resources"];
        var first = Random.Shared.Next(15_000, 31_000);
        await File.WriteAllTextAsync(Path.Combine(_home, "ports.json"),
            JsonSerializer.Serialize(names.Index().ToDictionary(pair => pair.Item, pair => first + pair.Index)));
    }

    public async ValueTask DisposeAsync()
    {
        await BashAsync("./shop down");
        Directory.Delete(_home, recursive: true);
    }

    [Fact]
    public async Task The_first_walk_works_literally_and_leaves_nothing_behind()
    {
        // A script that starts the shop in the background may hold a lock.
        var lockFile = Path.Combine(_home, "callers-lock");
        var walk = WalkOf(await File.ReadAllTextAsync(Path.Combine(s_repository, "docs", "running.md")));
        var (exitCode, output) = await BashAsync($"exec 9>'{lockFile}'; flock 9\n{walk}\necho \"ORDER=$ORDER\"");

        Assert.True(exitCode == 0, output);
        Assert.All((string[])["Dashboard  http://localhost:", "Nothing is missing.", ".eml",
                "notification  delivered \"Your order is confirmed\" to alice by email"],
            text => Assert.True(output.Contains(text, StringComparison.Ordinal), $"'{text}' is not in:\n{output}"));
        Assert.DoesNotMatch("(?m)^(warn|fail):|\u001b", output); // no warnings, and no terminal colours
        Assert.Equal((0, ""), await BashAsync($"flock --nonblock '{lockFile}' true"));

        await TheConsoleShowsAsync(OrderLine().Match(output).Groups[1].Value);

        var (again, refused) = await BashAsync("./shop up -d");
        Assert.Equal(1, again);
        Assert.Contains("shop: a shop already runs in", refused, StringComparison.Ordinal);
        Assert.Contains("10: ", (await BashAsync("./shop demo --orders 10")).Output, StringComparison.Ordinal);
        var (_, table) = await Eventually.IsAsync("all is healthy",
            () => BashAsync("./shop status --connections"), status => status.ExitCode == 0, s_timeout);
        await ReadingCommandsSucceedAsync(order: output.Split("ORDER=")[1].Trim());
        var lines = PsqlLine().Matches(table).Select(match => match.Value).ToList();
        Assert.Equal(4, lines.Count);
        foreach (var line in (await BashAsync("command -v psql")).ExitCode == 0 ? lines : [])
        {
            Assert.Equal((0, "1\n"), await BashAsync($"{line} -Atc 'SELECT 1'"));
        }

        var (down, printed) = await BashAsync("./shop down");
        Assert.True(down == 0, printed);
        Assert.Empty(Processes());
    }

    /// <summary>Every command of the docs that reads a running shop is run; each other one is known, with what runs it instead.</summary>
    private async Task ReadingCommandsSucceedAsync(string order)
    {
        var commands = DocumentedCommands.All();
        Assert.All(commands.Select(command => command.Split(' ')[0]), word => Assert.True(s_reading.Contains(word) || s_notRun.ContainsKey(word),
            $"The docs name ./shop {word}: run it here, or say what runs it instead."));
        var reading = commands.Where(command => s_reading.Contains(command.Split(' ')[0]) && !s_changing.Overlaps(command.Split(' '))).ToList();
        Assert.True(reading.Count > 10, string.Join('\n', reading));
        foreach (var command in reading)
        {
            var words = DocumentedCommands.Words(command, valueOf: name => name is "<order>" or "$ORDER" ? order : "ada");
            var (exitCode, output) = await BashAsync($"./shop {string.Join(' ', words)}");
            Assert.True(exitCode == 0, $"./shop {command}: {output}");
        }
    }

    /// <summary>A member of the staff signs in at the address that was printed, and finds the order of the walk.</summary>
    private async Task TheConsoleShowsAsync(string order)
    {
        var ports = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(_home, "ports.json"))).RootElement;
        using var http = new HttpClient { BaseAddress = new Uri($"http://localhost:{ports.GetProperty("console").GetInt32()}") };
        var form = await http.GetStringAsync(new Uri("/sign-in", UriKind.Relative));
        using var fields = new FormUrlEncodedContent([
            new("__RequestVerificationToken", FormToken().Match(form).Groups[1].Value), new("name", "sam"), new("to", $"/journey?q={order}")]);
        using var signedIn = await http.PostAsync(new Uri("/sign-in", UriKind.Relative), fields);
        var page = await signedIn.Content.ReadAsStringAsync();

        Assert.True(signedIn.IsSuccessStatusCode, page);
        Assert.Contains(order, page, StringComparison.Ordinal);
        // As the page itself asks again: a service that takes more than two seconds, as its first answers may, is unknown for that look.
        await Eventually.IsAsync("the page shows how the order stands", () => http.GetStringAsync(new Uri($"/journey?q={order}", UriKind.Relative)),
            shown => shown.Contains("Confirmed; it is not shipped yet. The customer was notified.", StringComparison.Ordinal)
                && shown.Contains("delivered &quot;Your order is confirmed&quot; to alice by email", StringComparison.Ordinal), s_timeout);
    }

    /// <summary>The commands below the heading, but with more patience: a busy machine may need minutes for what a person waits half a minute for.</summary>
    private static string WalkOf(string page) =>
        Patient(Patient(page.Split("## A first walk")[1].Split("```bash\n")[1].Split("```")[0], "seq 20", "seq 600"), "--wait 30", "--wait 600");

    private static string Patient(string walk, string impatient, string patient)
    {
        Assert.Contains(impatient, walk, StringComparison.Ordinal);
        return walk.Replace(impatient, patient, StringComparison.Ordinal);
    }

    /// <summary>Runs commands as a person types them, at the top of the repository.</summary>
    private async Task<(int ExitCode, string Output)> BashAsync(string commands)
    {
        var start = new ProcessStartInfo("bash", ["-c", $"exec 2>&1\n{commands}"])
        {
            WorkingDirectory = s_repository,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        start.Environment["SHOP_HOME"] = _home;
        start.Environment["SHOP_NO_BUILD"] = "1";
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        using var timeout = new CancellationTokenSource(s_timeout);
        var output = await process.StandardOutput.ReadToEndAsync(timeout.Token);
        await process.WaitForExitAsync(timeout.Token);
        return (process.ExitCode, output);
    }

    /// <summary>The processes of this shop: each has its home in the environment.</summary>
    private List<string> Processes() =>
    [
        .. Directory.GetDirectories("/proc").Where(directory => int.TryParse(Path.GetFileName(directory), out _))
            .Select(directory => Read(directory, "cmdline") + " " + Read(directory, "environ"))
            .Where(text => text.Contains(_home, StringComparison.Ordinal)),
    ];

    private static string Read(string directory, string file)
    {
        try
        {
            return File.ReadAllText(Path.Combine(directory, file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ""; // the process has just ended
        }
    }

    private static string FindRepository()
    {
        var at = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(at.FullName, "Shop.sln")))
        {
            at = at.Parent ?? throw new InvalidOperationException("Shop.sln is in no directory above this test.");
        }

        return at.FullName;
    }

    [GeneratedRegex("Order ([0-9a-f-]{36}):")]
    private static partial Regex OrderLine();

    [GeneratedRegex("name=\"__RequestVerificationToken\" value=\"([^\"]+)\"")]
    private static partial Regex FormToken();

    [GeneratedRegex("PGPASSWORD=.*-db")]
    private static partial Regex PsqlLine();
}
