using System.Diagnostics;

namespace Shop.Deploy.Tests;

/// <summary>deploy/verify-api where there is no cluster to ask: it never claims that one accepted anything.</summary>
public sealed class VerifyApiTests
{
    [Fact]
    public void Without_a_cluster_it_says_that_nothing_was_asked()
    {
        var (code, output) = Run(null);

        Assert.Equal(0, code);
        Assert.Contains("KUBECONFIG is not set, so no API server was asked", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_cluster_that_does_not_answer_is_an_error()
    {
        Assert.NotEmpty(Manifests.Rendered("local")); // skips where there is no kubectl
        var (code, output) = Run("/nowhere");

        Assert.Equal(2, code);
        Assert.Contains("the API server of /nowhere does not answer", output, StringComparison.Ordinal);
        Assert.DoesNotContain("accepted", output, StringComparison.Ordinal);
    }

    [Fact]
    public void An_overlay_that_does_not_exist_is_an_error() => Assert.Equal(2, Run(null, "prod").Code);

    private static (int Code, string Output) Run(string? kubeconfig, params string[] arguments)
    {
        var start = new ProcessStartInfo("bash", ["-c", "exec 2>&1 \"$0\" \"$@\"", Path.Combine(Manifests.Repository, "deploy", "verify-api"), .. arguments])
        {
            RedirectStandardOutput = true,
        };
        start.Environment["KUBECONFIG"] = kubeconfig;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output);
    }
}
