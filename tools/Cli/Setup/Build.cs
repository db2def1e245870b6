using System.Security.Cryptography;
using System.Text;
using Shop.Operations;

namespace Shop.Cli.Setup;

/// <summary>
/// Builds the AppHost and the services in Release when their sources changed. By content, so that neither a checkout nor a touch
/// causes a build, and a deleted file does. The build output counts too: another state may have been built since.
/// </summary>
internal static class Build
{
    private static readonly string[] s_sources = ["AppHost", "Messaging", "Messaging.Abstractions", "Operations", "ServiceDefaults", "contracts", "services", "tools/Local", "tools/build"];
    private static readonly string[] s_files = ["*.props", "*.targets", "global.json", ".editorconfig", "BannedSymbols.txt"];

    private static string Log => ShopHome.Path("logs", "build.log");

    private static string StampFile => Output("AppHost", ".built");

    /// <summary>Builds if needed. Returns when the programs match the sources.</summary>
    /// <exception cref="FailureException">The build failed; its log is shown.</exception>
    public static async Task EnsureAsync(CancellationToken ct)
    {
        if (Environment.GetEnvironmentVariable("SHOP_NO_BUILD") is { Length: > 0 })
        {
            return;
        }

        var sources = StampOfSources();
        if (File.Exists(StampFile) && await File.ReadAllTextAsync(StampFile, ct) == sources + StampOfPrograms())
        {
            return;
        }

        await RunAsync("Building", "the AppHost and the services", Log, compileAhead: true, ct, "AppHost/AppHost.csproj");
        await File.WriteAllTextAsync(StampFile, sources + StampOfPrograms(), ct);
    }

    /// <summary>Builds projects, with progress; compiles them ahead of time where that is possible.</summary>
    public static async Task RunAsync(string what, string ofWhat, string log, bool compileAhead, CancellationToken ct, params string[] projects)
    {
        Child.BeginLog(log);
        var first = !Directory.Exists(Path.Combine(ShopHome.Repository, Path.GetDirectoryName(projects[0])!, "obj"));
        var expectation = $"{ofWhat}, {(first ? "one to two minutes the first time" : "about a minute")}; log: {log}";
        var failed = await Progress.ShowAsync(what, expectation, async () =>
        {
            foreach (var project in projects)
            {
                if (await DotnetAsync(log, ct, "build", project, "-c", "Release", "-nologo", "-v", "minimal") != 0)
                {
                    return project;
                }
            }

            // Nothing needs it; without it each start waits for the just-in-time compiler.
            if (compileAhead && await DotnetAsync(log, ct, "build", "tools/build/CompileAhead.csproj", "-nologo", "-v", "minimal") != 0)
            {
                Terminal.Note($"Not compiled ahead of time, so each start takes some seconds longer; see {log}.");
            }

            return null;
        });
        if (failed is not null)
        {
            Terminal.Note(string.Join('\n', (await File.ReadAllLinesAsync(log, ct)).TakeLast(40)));
            throw new FailureException($"{failed} was not built. All of the output: {log}");
        }
    }

    // Leaves no compiler server running.
    private static Task<int> DotnetAsync(string log, CancellationToken ct, params string[] arguments) =>
        Child.LogAsync(log, Child.Dotnet, arguments, ct, new Dictionary<string, string>
        {
            ["MSBUILDDISABLENODEREUSE"] = "1",
            ["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0",
            ["UseSharedCompilation"] = "false",
        });

    private static string StampOfSources()
    {
        var files = s_files.SelectMany(pattern => Directory.EnumerateFiles(ShopHome.Repository, pattern))
            .Concat(s_sources.SelectMany(directory => Sources(new DirectoryInfo(Path.Combine(ShopHome.Repository, directory)))));
        return Stamp(files.Order(StringComparer.Ordinal)) + Child.Dotnet;
    }

    private static IEnumerable<string> Sources(DirectoryInfo directory) => directory.EnumerateFiles().Select(file => file.FullName)
        .Concat(directory.EnumerateDirectories().Where(sub => sub.Name is not ("bin" or "obj")).SelectMany(Sources));

    private static string StampOfPrograms() =>
        Stamp(ShopServices.Projects.Append("Console").Select(service => Output($"services/{service}", $"{service}.dll")).Append(Output("AppHost", "AppHost.dll")));

    private static string Stamp(IEnumerable<string> files)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in files)
        {
            hash.AppendData(Encoding.UTF8.GetBytes(file));
            hash.AppendData(File.Exists(file) ? File.ReadAllBytes(file) : []);
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }

    private static string Output(string project, string file) => Path.Combine(ShopHome.Repository, project, "bin", "Release", "net10.0", file);
}
