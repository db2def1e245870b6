using System.Diagnostics;
using System.Security.Cryptography;
using System.Xml.Linq;

namespace Shop.Deploy.Tests;

/// <summary>The tested manifests, deploy/kubernetes/rendered, match their sources (docs/adr/0016).</summary>
public sealed class RenderedTests
{
    private static readonly string s_deploy = Path.Combine(Manifests.Repository, "deploy");
    private static readonly string[] s_sources = ["rabbitmq", "kubernetes/base", "kubernetes/components", "kubernetes/overlays"];

    [Fact]
    public void Sources_and_rendered_manifests_are_unchanged()
    {
        var folder = Path.Combine(Manifests.Kubernetes, "rendered");
        var rendered = File.ReadAllLines(Path.Combine(folder, "files.sha256"));
        var now = s_sources
            .SelectMany(source => Directory.EnumerateFiles(Path.Combine(s_deploy, source), "*", SearchOption.AllDirectories))
            .Concat(Directory.EnumerateFiles(folder, "*.yaml"))
            .Select(file => $"{Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)))}  {Path.GetRelativePath(s_deploy, file)}");

        Assert.True(rendered.ToHashSet().SetEquals(now), "A source is another than the one that was rendered, or what was rendered was changed by hand: run deploy/kubernetes/render");
    }

    [Fact]
    public void The_services_images_are_those_that_shop_images_makes()
    {
        var name = XDocument.Load(Path.Combine(Manifests.Repository, "services", "Directory.Build.targets")).Descendants("ContainerRepository").Single().Value;

        Assert.Contains("$(MSBuildProjectName.ToLowerInvariant())", name, StringComparison.Ordinal);
        var made = Manifests.Services.Select(service => name.Replace("$(MSBuildProjectName.ToLowerInvariant())", service, StringComparison.Ordinal));
        Assert.All(Manifests.Overlays, overlay => Assert.Equal(
            made.Order(),
            Manifests.Load(overlay).Of("Deployment").Select(deployment => (string)deployment.At("spec.template.spec.containers.0.image")!)
                .Select(image => image[(image.LastIndexOf('/') + 1)..image.LastIndexOf(':')]).Order()));
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

    // Debian's kubectl dates from 2020 and supports neither components nor labels.
    private static bool CanRender()
    {
        foreach (var (program, arguments) in new[] { ("kustomize", "version"), ("kubectl", "version --client") })
        {
            try
            {
                using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
                var output = process.StandardOutput.ReadToEnd();
                process.WaitForExit();
                return process.ExitCode == 0 && output.Contains("v5.", StringComparison.Ordinal);
            }
            catch (System.ComponentModel.Win32Exception)
            {
                continue;
            }
        }

        return false;
    }
}
