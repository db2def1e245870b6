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

    /// <summary>Without the style rules: mutated code may leave something unused.</summary>
    public Task<bool> BuildAsync(string project, CancellationToken ct) => SucceedsAsync(
        ct, "build", project, "-c", "Release", "-nologo", "-v", "quiet", "-p:TreatWarningsAsErrors=false", "-p:EnforceCodeStyleInBuild=false");

    /// <summary>Whether tests pass.</summary>
    public Task<bool> PassAsync(string project, IEnumerable<string> tests, CancellationToken ct) => SucceedsAsync(
        ct, "test", Path.Combine(copy, $"tests/{project}/bin/Release/net10.0/{project}.dll"),
        "--filter", string.Join('|', tests.Select(test => $"FullyQualifiedName~{test}")), "--", "RunConfiguration.TreatNoTestsAsError=true");

    /// <summary>Whether the mutation's test fails with it in the code.</summary>
    /// <exception cref="FailureException">The mutated code does not compile.</exception>
    public async Task<bool> IsKilledAsync(Mutation mutation, CancellationToken ct)
    {
        var file = Path.Combine(copy, mutation.File);
        var original = await File.ReadAllTextAsync(file, ct);
        await File.WriteAllTextAsync(file, mutation.Apply(original), ct);
        try
        {
            return await BuildAsync($"tests/{mutation.Project}/{mutation.Project}.csproj", ct)
                ? !await PassAsync(mutation.Project, [mutation.Test], ct)
                : throw new FailureException($"{mutation.Name}: the mutated code does not compile. All of the output: {log}");
        }
        finally
        {
            await File.WriteAllTextAsync(file, original, CancellationToken.None);
        }
    }

    private async Task<bool> SucceedsAsync(CancellationToken ct, params string[] arguments) =>
        await Child.LogAsync(log, Child.Dotnet, arguments, ct, _environment, copy) == 0;
}
