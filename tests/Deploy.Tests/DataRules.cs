using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using static Shop.Deploy.Tests.Violation;

namespace Shop.Deploy.Tests;

/// <summary>Rules from trials on a real cluster: about the data, the order of the steps, and what takes over from what.</summary>
internal static partial class DataRules
{
    private static readonly string[] s_data = ["Namespace", "Cluster", "RabbitmqCluster", "ObjectStore"];
    private static readonly string[] s_keepers = [.. s_data, "ScheduledBackup", "StatefulSet", "PersistentVolumeClaim"];
    private static readonly string[] s_prunable = ["argocd.argoproj.io/sync-options", "kustomize.toolkit.fluxcd.io/prune"];

    /// <summary>What is deleted with the application has no data in it, and what has is not pruned. The laptop's cluster is deleted as a whole.</summary>
    public static IEnumerable<string> DataIsApart(Manifests manifests) => manifests.Overlay == "local" ? [] : manifests.Applied
        .Where(one => s_keepers.Contains((string?)one["kind"])).Select(one => $"{one.Title()} is deleted with the application")
        .Concat(manifests.Objects.Where(one => s_data.Contains((string?)one["kind"])).SelectMany(one => s_prunable
            .Where(name => one.Strings("metadata.annotations").All(pair => pair.Key != name)).Select(name => $"{one.Title()} can be pruned: it has no {name}")));

    /// <summary>The log has a volume of its own, larger than what a forgotten slot may keep back.</summary>
    public static IEnumerable<string> TheLogHasItsVolume(Manifests manifests) => manifests.Of("Cluster").SelectMany(one =>
    {
        var kept = (string?)one.At("spec.postgresql.parameters.max_slot_wal_keep_size");
        var volume = PodRules.Quantity(one.At("spec.walStorage.size"));
        return If(volume is null, one.Title(), "has its log on the volume of its data")
            .Concat(If(kept is null || PodRules.Quantity(kept.Replace("GB", "Gi", StringComparison.Ordinal)) >= volume, one.Title(), $"may keep {kept} of log, which fills its volume"));
    });

    /// <summary>Each queue gets a member on each node: the loader waits for the nodes, and the broker adds what is missing.</summary>
    public static IEnumerable<string> QueuesGetTheirMembers(Manifests manifests)
    {
        var load = manifests.Find("Job", "broker-topology")!;
        var waitsFor = (string?)load.Each("spec.template.spec.containers").Single().Each("env").SingleOrDefault(env => (string?)env["name"] == "BROKER_NODES")?["value"];
        var broker = manifests.Find("RabbitmqCluster", "rabbitmq");
        var nodes = (int?)broker.At("spec.replicas") ?? (int)manifests.Find("StatefulSet", "rabbitmq").At("spec.replicas")!;
        var settings = (string?)broker.At("spec.rabbitmq.additionalConfig") ?? "";
        return If(waitsFor != nodes.ToString(CultureInfo.InvariantCulture), load.Title(), $"waits for {waitsFor ?? "one"} of {nodes} nodes")
            .Concat(If(broker is not null && Setting(settings, "enabled") != "true", "RabbitmqCluster/rabbitmq", "does not add missing members"))
            .Concat(If(broker is not null && Setting(settings, "target_group_size") != nodes.ToString(CultureInfo.InvariantCulture), "RabbitmqCluster/rabbitmq",
                $"adds members up to {Setting(settings, "target_group_size")} of {nodes}"));
    }

    /// <summary>The Job that loads the broker's topology is there to be waited for after all other waits of docs/deploy.md, and outlasts its script's.</summary>
    public static IEnumerable<string> TheTopologyJobLasts(Manifests manifests)
    {
        var job = manifests.Find("Job", "broker-topology")!;
        var page = File.ReadAllText(Path.Combine(Manifests.Repository, "docs", "deploy.md"));
        var waits = Wait().Matches(page).Sum(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) * 60);
        var patience = int.Parse(Patience().Match(File.ReadAllText(Path.Combine(Manifests.Repository, "deploy", "rabbitmq", "load.sh"))).Groups[1].Value, CultureInfo.InvariantCulture);
        var deadline = (int?)job.At("spec.activeDeadlineSeconds") ?? int.MaxValue;
        var stays = (int?)job.At("spec.ttlSecondsAfterFinished") ?? int.MaxValue;
        return If(stays <= waits, job.Title(), $"is removed after {stays} s, and the page's waits take up to {waits} s")
            .Concat(If(deadline <= patience + 300, job.Title(), $"is ended after {deadline} s, and waits for the broker for {patience} s"));
    }

    /// <summary>KEDA's webhook refuses a ScaledObject while another autoscaler scales the same: each takes over the one that production has.</summary>
    public static IEnumerable<string> KedaTakesOver(Manifests manifests) => manifests.Of("ScaledObject").SelectMany(one =>
    {
        var name = (string?)one.At("spec.advanced.horizontalPodAutoscalerConfig.name");
        var replaced = Manifests.Load("production").Of("HorizontalPodAutoscaler")
            .Single(scaler => (string?)scaler.At("spec.scaleTargetRef.name") == (string?)one.At("spec.scaleTargetRef.name")).Name();
        return If(name != replaced, one.Title(), $"makes the autoscaler {name} beside {replaced}")
            .Concat(If(!one.Strings("metadata.annotations").Contains(new("scaledobject.keda.sh/transfer-hpa-ownership", "true")), one.Title(), "does not take over its autoscaler"));
    });

    /// <summary>On a full cluster the data stays longest: every pod has a priority that is there, and the data's is the highest.</summary>
    public static IEnumerable<string> DataComesFirst(Manifests manifests)
    {
        if (manifests.Overlay == "local")
        {
            return [];
        }

        var values = manifests.Of("PriorityClass").ToDictionary(one => one.Name(), one => (int)one["value"]!);
        int ValueOf(JsonNode? name) => name is null ? 0 : values.GetValueOrDefault((string)name!);
        var services = manifests.Pods().Select(pod => (Title: pod.Owner.Title(), Value: ValueOf(pod.Template.At("spec.priorityClassName")))).ToList();
        return manifests.Of("Cluster").Select(one => (Title: one.Title(), Value: ValueOf(one.At("spec.priorityClassName"))))
            .Concat(manifests.Of("RabbitmqCluster").Select(one => (Title: one.Title(), Value: ValueOf(one.At("spec.override.statefulSet.spec.template.spec.priorityClassName")))))
            .Where(data => data.Value <= services.Max(service => service.Value)).Select(data => $"{data.Title} may be evicted before a service")
            .Concat(services.Where(service => service.Value == 0).Select(service => $"{service.Title} has no priority"));
    }

    /// <summary>A private registry's images are pulled with its Secret.</summary>
    public static IEnumerable<string> PrivateImagesArePulled(Manifests manifests)
    {
        var known = Known.Of(manifests);
        return manifests.Pods().Where(pod => pod.Template.Containers().Any(container => ((string)container["image"]!).StartsWith("registry.example.com/", StringComparison.Ordinal)))
            .Where(pod => !pod.Template.Each("spec.imagePullSecrets").Any(secret => known.Has(new("Secret", (string)secret["name"]!, ".dockerconfigjson", false))))
            .Select(pod => $"{pod.Owner.Title()} has no Secret for its registry");
    }

    private static string? Setting(string settings, string name) => settings.Split('\n')
        .Select(line => line.Split('=', StringSplitOptions.TrimEntries))
        .FirstOrDefault(parts => parts is [var key, _] && key == "quorum_queue.continuous_membership_reconciliation." + name)?[1];

    [GeneratedRegex(@"--timeout=(\d+)m\b")]
    private static partial Regex Wait();

    [GeneratedRegex(@"BROKER_PATIENCE:-(\d+)")]
    private static partial Regex Patience();
}
