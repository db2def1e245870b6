using System.Xml.Linq;
using Shop.Cli.Setup;

namespace Shop.Cli.Mutations;

/// <summary>Runs mutations one after the other in a copy of the last commit, so that the working copy is not touched.</summary>
internal sealed class MutationRun(string copy, string log, IReadOnlyDictionary<string, string> servers)
{
    /// <summary>How long a test waits for what must come true, in seconds: in the mutated code it will not.</summary>
    private const string Wait = "45";

    private readonly Dictionary<string, string> _environment = new(servers)
    {
        ["SHOP_TEST_WAIT"] = Wait,
        ["MSBUILDDISABLENODEREUSE"] = "1",
        ["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0",
        ["UseSharedCompilation"] = "false",
    };

    /// <summary>Copies the last commit, builds the copy, starts servers for its tests, and removes everything after the work.</summary>
    /// <exception cref="FailureException">There is no git, or the copy was not built.</exception>
    public static async Task<T> InCopyAsync<T>(string name, string project, Func<MutationRun, Task<T>> workAsync, CancellationToken ct)
    {
        await ServerPackages.EnsureAsync(ct);
        var (copy, log) = (ShopHome.Path(name), ShopHome.Path("logs", $"{name}.log"));
        Child.BeginLog(log);
        await GitAsync(log, ct, "worktree", "remove", "--force", copy); // of a run that was killed
        try
        {
            if (!await GitAsync(log, ct, "worktree", "add", "--detach", "--force", copy, "HEAD"))
            {
                throw new FailureException($"git made no copy of the last commit. All of the output: {log}");
            }

            var without = new MutationRun(copy, log, new Dictionary<string, string>());
            if (!await Progress.ShowAsync("Building a copy of the last commit", $"some minutes; log: {log}", () => without.BuildAsync(project, ct)))
            {
                throw new FailureException($"The copy was not built. All of the output: {log}");
            }

            using var servers = await MutationServers.StartAsync(copy, ct);
            return await workAsync(new MutationRun(copy, log, servers.Environment));
        }
        finally
        {
            await GitAsync(log, CancellationToken.None, "worktree", "remove", "--force", copy);
        }
    }

    /// <summary>Without the style rules: mutated code may leave something unused.</summary>
    public Task<bool> BuildAsync(string project, CancellationToken ct) => SucceedsAsync(
        ct, "build", project, "-c", "Release", "-nologo", "-v", "quiet", "-p:TreatWarningsAsErrors=false", "-p:EnforceCodeStyleInBuild=false");

    /// <summary>Whether tests pass.</summary>
    public Task<bool> PassAsync(string project, IEnumerable<string> tests, CancellationToken ct) => SucceedsAsync(
        ct, "test", Path.Combine(copy, $"tests/{project}/bin/Release/net10.0/{project}.dll"),
        "--filter", string.Join('|', tests.Select(test => $"FullyQualifiedName~{test}")), "--", "RunConfiguration.TreatNoTestsAsError=true");

    /// <summary>What a test of a built project reports, by its log: how it ended, and what it wrote.</summary>
    /// <exception cref="FailureException">It did not run.</exception>
    public async Task<(bool Passed, string Written)> ReportAsync(string project, string test, CancellationToken ct)
    {
        var report = Path.ChangeExtension(log, "trx");
        File.Delete(report);
        await SucceedsAsync(
            ct, "test", Path.Combine(copy, $"tests/{project}/bin/Release/net10.0/{project}.dll"), "--filter", $"FullyQualifiedName~{test}",
            "--results-directory", Path.GetDirectoryName(report)!, "--logger", $"trx;LogFileName={Path.GetFileName(report)}");
        var results = File.Exists(report) ? Elements(XDocument.Load(report), "UnitTestResult").ToList() : [];
        if (results is not [var result])
        {
            throw new FailureException($"{project}: {results.Count} tests ran for {test}, not one. All of the output: {log}");
        }

        return Elements(result, "StdOut").FirstOrDefault() is { } written
            ? (result.Attribute("outcome")?.Value == "Passed", written.Value.Trim())
            : throw new FailureException($"{test} wrote nothing. {Elements(result, "Message").FirstOrDefault()?.Value}");
    }

    /// <summary>Whether the mutation's test fails with it in the code.</summary>
    public Task<bool> IsKilledAsync(Mutation mutation, CancellationToken ct) =>
        WithAsync(mutation, async () => !await PassAsync(mutation.Project, [mutation.Test], ct), ct);

    /// <summary>Applies a mutation, builds its test, and restores the file after the work.</summary>
    /// <exception cref="FailureException">The mutated code does not compile.</exception>
    public async Task<T> WithAsync<T>(Mutation mutation, Func<Task<T>> workAsync, CancellationToken ct)
    {
        var file = Path.Combine(copy, mutation.File);
        var original = await File.ReadAllTextAsync(file, ct);
        await File.WriteAllTextAsync(file, mutation.Apply(original), ct);
        try
        {
            return await BuildAsync($"tests/{mutation.Project}/{mutation.Project}.csproj", ct)
                ? await workAsync()
                : throw new FailureException($"{mutation.Name}: the mutated code does not compile. All of the output: {log}");
        }
        finally
        {
            await File.WriteAllTextAsync(file, original, CancellationToken.None);
        }
    }

    private async Task<bool> SucceedsAsync(CancellationToken ct, params string[] arguments) =>
        await Child.LogAsync(log, Child.Dotnet, arguments, ct, _environment, copy) == 0;

    private static IEnumerable<XElement> Elements(XContainer within, string name) =>
        within.Descendants().Where(element => element.Name.LocalName == name);

    private static async Task<bool> GitAsync(string log, CancellationToken ct, params string[] arguments) =>
        await Child.LogAsync(log, "git", arguments, ct) == 0;
}
