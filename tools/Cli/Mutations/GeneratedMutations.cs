using Shop.Cli.Setup;

namespace Shop.Cli.Mutations;

/// <summary>Runs dotnet-stryker over the code that needs no server; stryker-config.json beside the tests names the files.</summary>
internal static class GeneratedMutations
{
    private const string Tests = "tests/Messaging.Units.Tests";

    // It mutates one project at a time.
    private static readonly string[] s_projects = ["Messaging.Abstractions", "Messaging"];

    private static readonly Dictionary<string, string> s_environment = new()
    {
        ["MSBUILDDISABLENODEREUSE"] = "1",
        ["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0",
        ["UseSharedCompilation"] = "false",
        ["RunAnalyzers"] = "false",
        ["DOTNET_TieredPGO"] = "0", // a process for each mutant, which runs for a second
        ["DOTNET_TC_CallCounting"] = "0",
    };

    /// <summary>0 where the tests killed as many mutants of each project as the threshold requires.</summary>
    public static async Task<int> RunAsync()
    {
        var exit = await Child.ShowAsync(Child.Dotnet, ["tool", "restore"]);
        foreach (var project in exit == 0 ? s_projects : [])
        {
            exit = Math.Max(exit, await Child.ShowAsync(
                Child.Dotnet, ["stryker", "--project", $"{project}.csproj", "--output", ShopHome.Path("mutations-generated", project)],
                s_environment, Path.Combine(ShopHome.Repository, Tests)));
        }

        return exit;
    }
}
