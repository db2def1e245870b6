using System.Diagnostics;
using System.Runtime.Versioning;

namespace Shop.Cli.Tests;

/// <summary>The script before the program.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class LauncherTests : IDisposable
{
    private readonly ShopProgram _shop = new();

    public void Dispose() => _shop.Dispose();

    [Fact]
    public async Task Without_an_SDK_the_error_explains_how_to_install_one()
    {
        // All that the script needs, and no dotnet.
        var bin = Directory.CreateDirectory(Path.Combine(_shop.Home, "bin")).FullName;
        foreach (var program in (string[])["bash", "dirname", "readlink", "env"])
        {
            var installed = ((string[])["/usr/bin", "/bin"]).Select(directory => Path.Combine(directory, program)).First(File.Exists);
            File.CreateSymbolicLink(Path.Combine(bin, program), installed);
        }

        var outcome = await _shop.RunAsync(start =>
        {
            start.Environment["PATH"] = bin;
            start.Environment["HOME"] = _shop.Home;
            start.Environment.Remove("DOTNET_ROOT");
        }, "status");

        Assert.Equal((1, ""), (outcome.ExitCode, outcome.Output));
        Assert.StartsWith("shop: the .NET SDK is not installed", outcome.Errors, StringComparison.Ordinal);
        Assert.Contains("https://learn.microsoft.com/dotnet/core/install", outcome.Errors, StringComparison.Ordinal);
    }

    /// <summary>Bash obeys a signal only after the command in its foreground.</summary>
    [Fact]
    public async Task The_test_runner_ends_at_the_first_SIGTERM_also_while_it_builds()
    {
        var (dotnet, building) = (Path.Combine(_shop.Home, "dotnet"), Path.Combine(_shop.Home, "building"));
        await File.WriteAllTextAsync(dotnet, $"#!/bin/sh\n: >'{building}'\nexec sleep 300\n");
        File.SetUnixFileMode(dotnet, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        var start = new ProcessStartInfo(Path.Combine(ShopProgram.Repository, "tests/run"), ["Nothing"]);
        start.Environment["PATH"] = $"{_shop.Home}:{start.Environment["PATH"]}";
        using var run = Process.Start(start)!;
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!File.Exists(building))
        {
            await Task.Delay(20, timeout.Token);
        }

        using (var kill = Process.Start("kill", ["-TERM", $"{run.Id}"]))
        {
            await run.WaitForExitAsync(timeout.Token);
        }

        Assert.Equal(143, run.ExitCode);
    }

    [Fact]
    public async Task Every_scenario_of_the_benchmarks_is_in_their_help()
    {
        static IEnumerable<string> Of(string directory) => Directory.EnumerateFiles(Path.Combine(ShopProgram.Repository, directory), "*Scenario.cs");
        var scenarios = Of("tools/Benchmarks/Scenarios").Concat(Of("tools/Peers/Scenarios"))
            .Select(file => Path.GetFileNameWithoutExtension(file)[..^"Scenario".Length].ToLowerInvariant()).ToList();
        var help = (await _shop.RunAsync("bench", "--help")).Output;

        Assert.NotEmpty(scenarios);
        Assert.All(scenarios, scenario => Assert.Contains(scenario, help, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_relative_home_is_resolved_from_the_caller_and_status_shows_that_nothing_runs()
    {
        var outcome = await _shop.RunAsync(start =>
        {
            start.WorkingDirectory = _shop.Home;
            start.Environment["SHOP_HOME"] = "shop-home";
        }, "down");

        Assert.Equal((0, "The shop does not run.\n"), (outcome.ExitCode, outcome.Output));
    }
}
