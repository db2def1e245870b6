using System.Diagnostics;
using Shop.Cli.Contracts;

namespace Shop.Contracts.Tests;

/// <summary>The committed contracts match the code, and have no breaking changes.</summary>
public sealed class CommittedContractsTests
{
    [Fact]
    public async Task The_contracts_have_no_breaking_changes()
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            ArgumentList = { Path.Combine(ShopHome.Repository, "tools", "Cli", "bin", BuildOutput(), "shop-cli.dll"), "contracts", "check", "--no-build" },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        using var timeout = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        await process.WaitForExitAsync(timeout.Token);

        Assert.True(process.ExitCode == 0, await output + await errors);
    }

    [Fact]
    public async Task An_earlier_revision_is_read_from_git()
    {
        var history = new ContractHistory(ShopHome.Repository);
        var revisions = await history.RevisionsAsync(TestContext.Current.CancellationToken);
        Assert.SkipWhen(revisions.Count == 0, "there is no history here");

        var then = await history.AtAsync(revisions[^1], TestContext.Current.CancellationToken);

        Assert.NotEmpty(then.Schemas);
        Assert.NotEmpty(then.Consumers.Of("ordering.order-placed.v1"));
        await Assert.ThrowsAsync<InvalidOperationException>(() => history.AtAsync("no-such-revision", TestContext.Current.CancellationToken));
    }

    /// <summary>Such as Release/net10.0.</summary>
    private static string BuildOutput()
    {
        var output = new DirectoryInfo(AppContext.BaseDirectory);
        return Path.Combine(output.Parent!.Name, output.Name);
    }
}
