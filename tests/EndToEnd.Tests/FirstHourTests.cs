using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Shop.EndToEnd.Tests;

/// <summary>The first steps after cloning the repository, by the commands of docs/running.md.</summary>
public sealed partial class FirstHourTests : IAsyncLifetime
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromMinutes(15); // bounds a hang: a busy machine starts ten processes slowly
    private static readonly string s_repository = FindRepository();

    private readonly string _home = Directory.CreateTempSubdirectory("shop-first-hour-").FullName;

    /// <summary>Not the preferred ports: nothing in the walk may depend on them, and another shop may have them.</summary>
    public async ValueTask InitializeAsync()
    {
        string[] names = ["ordering", "inventory", "notification", "analytics", "dashboard", "dashboard-otlp", "dashboard-resources"];
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
        var (exitCode, output) = await BashAsync($"exec 9>'{lockFile}'; flock 9\n{walk}");

        Assert.True(exitCode == 0, output);
        Assert.Contains("Dashboard  http://localhost:", output, StringComparison.Ordinal);
        Assert.Contains("Nothing is missing.", output, StringComparison.Ordinal);
        Assert.Contains("notification  delivered \"Your order is confirmed\" to alice by email", output, StringComparison.Ordinal);
        Assert.Contains(".eml", output, StringComparison.Ordinal);
        Assert.DoesNotMatch("(?m)^(warn|fail):|\u001b", output); // no warnings, and no terminal colours
        Assert.Equal((0, ""), await BashAsync($"flock --nonblock '{lockFile}' true"));

        var (again, refused) = await BashAsync("./shop up -d");
        Assert.Equal(1, again);
        Assert.Contains("shop: a shop already runs in", refused, StringComparison.Ordinal);
        Assert.Contains("10: ", (await BashAsync("./shop demo --orders 10")).Output, StringComparison.Ordinal);
        var (_, table) = await Eventually.IsAsync("all is healthy",
            () => BashAsync("./shop status --connections"), status => status.ExitCode == 0, s_timeout);
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

    /// <summary>The block of commands below the heading.</summary>
    private static string WalkOf(string page) => page.Split("## A first walk")[1].Split("```bash\n")[1].Split("```")[0];

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

    [GeneratedRegex("PGPASSWORD=.*-db")]
    private static partial Regex PsqlLine();
}
