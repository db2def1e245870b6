using System.Diagnostics;
using System.Security.Cryptography;

namespace Shop.Deploy.Tests;

/// <summary>What is tested here, deploy/kubernetes/rendered, is what the sources say (docs/adr/0035).</summary>
public sealed class RenderedTests
{
    private static readonly string s_deploy = Path.Combine(Manifests.Repository, "deploy");
    private static readonly string[] s_sources = ["rabbitmq", "kubernetes/base", "kubernetes/components", "kubernetes/overlays"];

    [Fact]
    public void No_source_was_changed_since_it_was_rendered()
    {
        var rendered = File.ReadAllLines(Path.Combine(Manifests.Kubernetes, "rendered", "sources.sha256"));
        var now = s_sources
            .SelectMany(folder => Directory.EnumerateFiles(Path.Combine(s_deploy, folder), "*", SearchOption.AllDirectories))
            .Select(file => $"{Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)))}  {Path.GetRelativePath(s_deploy, file)}");

        Assert.True(rendered.ToHashSet().SetEquals(now), "A source is another than the one that was rendered: run deploy/kubernetes/render");
    }

    [Fact]
    public async Task Rendering_again_gives_the_same()
    {
        Assert.SkipUnless(CanRender(), "There is no kubectl or kustomize here that can render.");
        var start = new ProcessStartInfo(Path.Combine(Manifests.Kubernetes, "render"), "--check") { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var difference = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.True(process.ExitCode == 0, difference + await errors);
    }

    // Debian's own kubectl is of 2020 and knows neither components nor labels.
    private static bool CanRender()
    {
        foreach (var (program, arguments) in new[] { ("kustomize", "version"), ("kubectl", "version --client") })
        {
            try
            {
                using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
                var said = process.StandardOutput.ReadToEnd();
                process.WaitForExit();
                return process.ExitCode == 0 && said.Contains("v5.", StringComparison.Ordinal);
            }
            catch (System.ComponentModel.Win32Exception)
            {
                continue;
            }
        }

        return false;
    }
}
