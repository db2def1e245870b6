using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using static Shop.Deploy.Tests.Violation;

namespace Shop.Deploy.Tests;

/// <summary>Rules for every pod. Each returns its violations.</summary>
internal static partial class PodRules
{
    private static readonly string[] s_hosts = ["hostNetwork", "hostPID", "hostIPC"];
    private static readonly string[] s_resources = ["cpu", "memory"];

    /// <summary>Twice the highest measured memory of an idle service.</summary>
    private const long LeastMemoryLimit = 2 * 225_000_000L;

    /// <summary>The restricted Pod Security Standard, and beyond it a root that is not written to, no token, and no environment of links.</summary>
    public static IEnumerable<string> Restricted(Manifests manifests) => manifests.Pods().SelectMany(pod =>
    {
        var (owner, spec) = (pod.Owner.Title(), pod.Template["spec"]);
        return If(!Is(spec, "securityContext.runAsNonRoot", true), owner, "may run as root")
            .Concat(If(spec.At("securityContext.runAsUser") is not { } user || (long)user == 0, owner, "names no user"))
            .Concat(If((string?)spec.At("securityContext.seccompProfile.type") != "RuntimeDefault", owner, "has no seccomp profile"))
            .Concat(If(!Is(spec, "automountServiceAccountToken", false), owner, "gets a token"))
            .Concat(If(!Is(spec, "enableServiceLinks", false), owner, "gets all services' addresses as environment"))
            .Concat(If(s_hosts.Any(host => spec.At(host) is not null), owner, "uses its host's namespaces"))
            .Concat(spec.Each("volumes").Where(volume => volume.ContainsKey("hostPath")).Select(_ => $"{owner} mounts its host's files"))
            .Concat(pod.Template.Containers().SelectMany(container => RestrictedContainer(container, $"{owner} {container["name"]}")));
    });

    /// <summary>Every long-running container has startup, liveness and readiness probes; services by their health routes.</summary>
    public static IEnumerable<string> Probed(Manifests manifests) => manifests.Pods().Where(pod => (string)pod.Owner["kind"]! != "Job")
        .SelectMany(pod => pod.Template.Each("spec.containers").SelectMany(container =>
            new[] { ("startupProbe", "live"), ("livenessProbe", "live"), ("readinessProbe", "ready") }.SelectMany(probe =>
            {
                var at = $"{pod.Owner.Title()} {container["name"]} {probe.Item1}";
                return If(container[probe.Item1] is null, at, "is missing")
                    .Concat(If(Manifests.Images.Contains(pod.Owner.Name()) && (string?)container.At(probe.Item1 + ".httpGet.path") != "/health/" + probe.Item2, at, "asks elsewhere"));
            })));

    /// <summary>Every container, also the short-lived ones, and every folder in memory or on the node's disk has its limit.</summary>
    public static IEnumerable<string> Bounded(Manifests manifests) => manifests.Pods().SelectMany(pod =>
            pod.Template.Containers().SelectMany(container => BoundedResources(container["resources"], $"{pod.Owner.Title()} {container["name"]}"))
                .Concat(pod.Template.Each("spec.volumes").Where(volume => volume["emptyDir"] is not null && volume.At("emptyDir.sizeLimit") is null)
                    .Select(volume => $"{pod.Owner.Title()} {volume["name"]} has no limit")))
        .Concat(manifests.Of("Cluster").Concat(manifests.Of("RabbitmqCluster")).SelectMany(one => BoundedResources(one.At("spec.resources"), one.Title())))
        .Concat(manifests.Pods().Where(pod => Manifests.Images.Contains(pod.Owner.Name()))
            .SelectMany(pod => pod.Template.Containers().Where(container => Quantity(container.At("resources.limits.memory")) < LeastMemoryLimit)
                .Select(container => $"{pod.Owner.Title()} {container["name"]} may not have the memory that was measured twice over")));

    /// <summary>A pod that is stopped has the time to finish: preStop, and then as long as the host waits for the relay and the consumers.</summary>
    public static IEnumerable<string> StopsInTime(Manifests manifests)
    {
        var host = File.ReadAllText(Path.Combine(Manifests.Repository, "ServiceDefaults", "Hosting", "ServiceHost.cs"));
        var stopping = int.Parse(ShutdownTimeout().Match(host).Groups[1].Value, CultureInfo.InvariantCulture);
        return manifests.Of("Deployment").SelectMany(one =>
        {
            var sleep = (int?)one.At("spec.template.spec.containers.0.lifecycle.preStop.sleep.seconds") ?? 0;
            var grace = (int?)one.At("spec.template.spec.terminationGracePeriodSeconds") ?? 30;
            return If(sleep < 3, one.Title(), "does not wait until nobody has its address any more")
                .Concat(If(grace < sleep + stopping + 5, one.Title(), $"is killed after {grace} s, and may need {sleep} + {stopping}"));
        });
    }

    /// <summary>No rollout stops a pod before its successor is ready, and no drain stops two.</summary>
    public static IEnumerable<string> RollsWithoutAGap(Manifests manifests) => Manifests.Images.SelectMany(service =>
        If((int?)manifests.Find("Deployment", service).At("spec.strategy.rollingUpdate.maxUnavailable") != 0, service, "may have too few pods while it rolls")
            .Concat(If((string?)manifests.Find("Deployment", service).At("spec.strategy.type") != "RollingUpdate", service, "names no type of rollout, and each apply says \"configured\""))
            .Concat(Replicas(manifests, service))
            .Concat(If((int?)manifests.Find("PodDisruptionBudget", service).At("spec.maxUnavailable") != 1, service, "has no budget of disruptions")));

    private static IEnumerable<string> Replicas(Manifests manifests, string service)
    {
        var replicas = (int?)manifests.Find("Deployment", service).At("spec.replicas");
        return Manifests.Services.Contains(service)
            ? If(replicas is not null, service, "sets back what its autoscaler decided")
            : If(manifests.Overlay != "local" && replicas is not >= 2, service, "is one pod, which a drain stops");
    }

    /// <summary>An image has a tag that does not move.</summary>
    public static IEnumerable<string> Images(Manifests manifests) => manifests.Pods().SelectMany(pod => pod.Template.Containers()
            .Select(container => (At: $"{pod.Owner.Title()} {container["name"]}", Image: (string)container["image"]!)))
        .Concat(manifests.Of("Cluster").Select(one => (one.Title(), (string?)one.At("spec.imageName") ?? "")))
        .Concat(manifests.Of("RabbitmqCluster").Select(one => (one.Title(), (string?)one.At("spec.image") ?? "")))
        .Where(one => !Tagged().IsMatch(one.Item2) || one.Item2.EndsWith(":latest", StringComparison.Ordinal))
        .Select(one => $"{one.Item1} takes whatever {one.Item2} is");

    private static IEnumerable<string> RestrictedContainer(JsonObject container, string at) =>
        If(!Is(container, "securityContext.allowPrivilegeEscalation", false), at, "may gain privileges")
            .Concat(If(!Is(container, "securityContext.readOnlyRootFilesystem", true), at, "may write to its root"))
            .Concat(If(container.At("securityContext.capabilities.drop")?.ToJsonString() != """["ALL"]""", at, "keeps capabilities"))
            .Concat(If(container.At("securityContext.capabilities.add") is not null, at, "adds capabilities"))
            .Concat(If(Is(container, "securityContext.privileged", true), at, "is privileged"))
            .Concat(If(container.At("securityContext.runAsUser") is not null, at, "runs as another user than its pod"))
            .Concat(If(!container.Each("volumeMounts").Any(mount => (string?)mount["mountPath"] == "/tmp"), at, "has no /tmp to write to"));

    private static IEnumerable<string> BoundedResources(JsonNode? resources, string at) => s_resources.SelectMany(what =>
    {
        var (request, limit) = (Quantity(resources.At("requests." + what)), Quantity(resources.At("limits." + what)));
        return If(request is null, at, $"asks for no {what}").Concat(If(limit is null, at, $"has no limit of {what}"))
            .Concat(If(request > limit, at, $"asks for more {what} than it may have"));
    });

    internal static double? Quantity(JsonNode? node)
    {
        if (node is null)
        {
            return null;
        }

        var match = Amount().Match(node.GetValueKind() == System.Text.Json.JsonValueKind.String ? (string)node! : node.ToJsonString());
        var unit = match.Groups[2].Value switch { "" => 1, "m" => 0.001, "Mi" => 1L << 20, "Gi" => 1L << 30, _ => throw new FormatException(node.ToJsonString()) };
        return double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) * unit;
    }

    private static bool Is(JsonNode? node, string path, bool expected) => (bool?)node.At(path) == expected;

    [GeneratedRegex(@"^([0-9.]+)([A-Za-z]*)$")]
    private static partial Regex Amount();

    [GeneratedRegex(@"ShutdownTimeout = TimeSpan\.FromSeconds\((\d+)\)")]
    private static partial Regex ShutdownTimeout();

    [GeneratedRegex(@"[^/]:[^/:]+$|@sha256:[0-9a-f]{64}$")]
    private static partial Regex Tagged();
}
