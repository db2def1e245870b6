using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Shop.Deploy.Tests;

/// <summary>What the overlays render to, and what the scripts and documents beside them say of it.</summary>
public sealed partial class RenderedTests
{
    [Fact]
    public void Every_overlay_belongs_to_an_installation_that_is_tested() => Assert.Equal(
        Directory.EnumerateDirectories(Path.Combine(Manifests.Kubernetes, "overlays")).Select(folder => Path.GetFileName(folder)!).Order(),
        Manifests.Overlays.Append("production-data").Append("restore-data").Order());

    [Fact]
    public void The_images_are_those_that_shop_images_makes()
    {
        var name = XDocument.Load(Path.Combine(Manifests.Repository, "services", "Directory.Build.targets")).Descendants("ContainerRepository").Single().Value;

        Assert.Contains("$(MSBuildProjectName.ToLowerInvariant())", name, StringComparison.Ordinal);
        var made = Manifests.Images.Select(service => name.Replace("$(MSBuildProjectName.ToLowerInvariant())", service, StringComparison.Ordinal));
        Assert.All(Manifests.Overlays, overlay => Assert.Equal(
            made.Order(),
            Manifests.Load(overlay).Of("Deployment").Select(deployment => (string)deployment.At("spec.template.spec.containers.0.image")!)
                .Select(image => image[(image.LastIndexOf('/') + 1)..image.LastIndexOf(':')]).Order()));
    }

    [Fact]
    public void The_alerts_are_those_of_the_observability_folder()
    {
        var written = Yaml.Read(File.ReadAllText(Path.Combine(Manifests.Repository, "deploy", "observability", "alerts.yaml"))).Single();
        var applied = Manifests.Load("production-monitoring").Find("PrometheusRule", "shop").At("spec");

        Assert.NotEmpty(written.Each("groups"));
        Assert.True(JsonNode.DeepEquals(written["groups"], applied!["groups"]), "components/monitoring/alerts.yaml has other alerts: copy them");
    }

    [Fact]
    public void The_board_is_that_of_the_observability_folder_and_Grafana_finds_it()
    {
        var board = Manifests.Load("production-monitoring").Find("ConfigMap", "shop-events-board");

        Assert.Equal(File.ReadAllText(Path.Combine(Manifests.Repository, "deploy", "observability", "board.json")), (string?)board.At("data")!["board.json"]);
        Assert.Contains(KeyValuePair.Create("grafana_dashboard", "1"), board.Strings("metadata.labels"));
    }

    /// <summary>docs/deploy.md says what a production install needs: it is the sum of what its pods request.</summary>
    [Fact]
    public void The_size_that_the_page_says_is_what_the_pods_request()
    {
        var production = Manifests.Load("production");
        var (cpu, memory) = (0.0, 0.0);
        foreach (var (count, resources) in production.Of("Deployment").SelectMany(one => one.Each("spec.template.spec.containers").Select(container => (Count: Least(production, one.Name()), container["resources"])))
            .Concat(production.Of("Cluster").Select(one => ((int)one.At("spec.instances")!, one.At("spec.resources"))))
            .Concat(production.Of("RabbitmqCluster").Select(one => ((int)one.At("spec.replicas")!, one.At("spec.resources")))))
        {
            cpu += count * PodRules.Quantity(resources.At("requests.cpu"))!.Value;
            memory += count * PodRules.Quantity(resources.At("requests.memory"))!.Value;
        }

        var said = Size().Match(File.ReadAllText(Path.Combine(Manifests.Repository, "docs", "deploy.md")));
        Assert.Equal(FormattableString.Invariant($"{cpu:0.0} processors and {memory / (1L << 30):0} GiB"), said.Value);
    }

    private static int Least(Manifests manifests, string name) =>
        (int)(manifests.Find("HorizontalPodAutoscaler", name).At("spec.minReplicas") ?? manifests.Find("Deployment", name).At("spec.replicas"))!;

    [GeneratedRegex(@"\d+\.\d processors and \d+ GiB")]
    private static partial Regex Size();
}
