using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using static Shop.Deploy.Tests.Violation;

namespace Shop.Deploy.Tests;

/// <summary>Whatever names another object names one that is there, with the key, port or label that is asked of it.</summary>
internal static partial class References
{
    private static readonly string[] s_probes = ["startupProbe", "livenessProbe", "readinessProbe"];

    public static IEnumerable<string> Broken(Manifests manifests)
    {
        var known = Known.Of(manifests);
        return manifests.Pods().SelectMany(pod => OfPod(manifests, known, pod.Owner, pod.Template))
            .Concat(manifests.Objects.SelectMany(one => OfObject(manifests, known, one)))
            .Concat(Hosts(manifests, known));
    }

    private static IEnumerable<string> OfPod(Manifests manifests, Known known, JsonObject owner, JsonObject template)
    {
        var at = owner.Title();
        var spec = template["spec"]!;
        var volumes = spec.Each("volumes").Concat(owner.Each("spec.volumeClaimTemplates").Select(claim => new JsonObject { ["name"] = claim.Name() })).ToList();
        var keys = template.Containers().SelectMany(container => container.Each("env").SelectMany(Keys))
            .Concat(template.Containers().SelectMany(container => container.Each("envFrom").SelectMany(Wholes)))
            .Concat(volumes.SelectMany(OfVolume)).Concat(volumes.SelectMany(volume => volume.Each("projected.sources")).SelectMany(OfVolume));
        var named = volumes.Select(volume => (string)volume["name"]!).ToHashSet();
        var mounted = template.Containers().SelectMany(container => container.Each("volumeMounts")).Select(mount => (string)mount["name"]!).ToHashSet();
        return keys.Where(key => !known.Has(key)).Select(key => $"{at} refers to {key.Kind} {key.Name} {key.Key}, which is not there")
            .Concat(mounted.Except(named).Select(name => $"{at} mounts {name}, which is no volume"))
            .Concat(named.Except(mounted).Select(name => $"{at} has the volume {name} and mounts it nowhere"))
            .Concat(If(manifests.Find("ServiceAccount", (string?)spec["serviceAccountName"]) is null, at, "names no service account that is there"))
            .Concat(If((string?)owner["kind"] == "Job" && keys.Any(key => key.Kind == "ConfigMap" && Hashed().IsMatch(key.Name)), at,
                "cannot change, and refers to a ConfigMap whose name does"))
            .Concat(template.Each("spec.containers").SelectMany(container => Ports(container, at)));
    }

    private static IEnumerable<string> Ports(JsonObject container, string at)
    {
        var names = container.Each("ports").Select(port => (string?)port["name"]).ToHashSet();
        return s_probes
            .Select(probe => container.At(probe + ".httpGet.port") ?? container.At(probe + ".tcpSocket.port")).OfType<JsonNode>()
            .Where(port => !names.Contains(port.ToString())).Select(port => $"{at} probes the port {port}, which is none of its own");
    }

    private static IEnumerable<string> OfObject(Manifests manifests, Known known, JsonObject one) => (string)one["kind"]! switch
    {
        "Deployment" or "StatefulSet" => Unmatched(one.Strings("spec.selector.matchLabels"), one.Strings("spec.template.metadata.labels"))
            .Select(label => $"{one.Title()} selects by {label}, which its own pods lack")
            .Concat(If((string?)one["kind"] == "StatefulSet" && !known.Services.ContainsKey((string)one.At("spec.serviceName")!), one.Title(), "has no service")),
        "Service" => ServicePorts(manifests, one),
        "PodDisruptionBudget" => If(!Selects(manifests, known, one.At("spec.selector.matchLabels")), one.Title(), "selects no pod"),
        "NetworkPolicy" => If(one.At("spec.podSelector.matchLabels") is { } labels && !Selects(manifests, known, labels), one.Title(), "selects no pod"),
        "HorizontalPodAutoscaler" or "ScaledObject" => If(manifests.Find("Deployment", (string?)one.At("spec.scaleTargetRef.name")) is null,
                one.Title(), "scales nothing")
            .Concat(one.Each("spec.triggers").Select(trigger => (string?)trigger.At("authenticationRef.name")).OfType<string>()
                .Where(name => manifests.Find("TriggerAuthentication", name) is null).Select(name => $"{one.Title()} refers to {name}, which is not there")),
        "TriggerAuthentication" => Missing(known, one, one.Each("spec.secretTargetRef")),
        "ObjectStore" => Missing(known, one, one.At("spec.configuration.s3Credentials")!.AsObject().Select(pair => pair.Value!.AsObject())),
        "Ingress" => one.Each("spec.rules").SelectMany(rule => rule.Each("http.paths")).Select(path => path.At("backend.service")!)
            .Where(service => !known.Services.TryGetValue((string)service["name"]!, out var ports) || !ports.Contains((string?)service.At("port.name")))
            .Select(service => $"{one.Title()} leads to {service.ToJsonString()}, which is not there"),
        "ScheduledBackup" => If(manifests.Find("Cluster", (string?)one.At("spec.cluster.name")) is null, one.Title(), "backs up nothing"),
        "Certificate" => If(manifests.Find("Issuer", (string?)one.At("spec.issuerRef.name")) is null, one.Title(), "has no issuer"),
        "Cluster" => one.Each("spec.plugins").Select(plugin => (string?)plugin.At("parameters.barmanObjectName"))
            .Where(store => manifests.Find("ObjectStore", store) is null).Select(store => $"{one.Title()} has no store {store}")
            .Concat(one.Each("spec.managed.roles").Select(role => role.At("passwordSecret.name"))
                .Append(one.At("spec.bootstrap.initdb.secret.name") ?? one.At("spec.bootstrap.recovery.secret.name"))
                .Where(secret => !known.Has(new("Secret", (string)secret!, "password", false)))
                .Select(secret => $"{one.Title()} refers to the Secret {secret}, which is not there")),
        "PodMonitor" => Monitored(manifests, known, one),
        "RabbitmqCluster" => If(!known.Has(new("Secret", (string)one.At("spec.tls.secretName")!, "tls.key", false)), one.Title(), "has no certificate"),
        _ => [],
    };

    /// <summary>The pods and their named ports; those of operators have ports that are not written here.</summary>
    private static IEnumerable<string> Monitored(Manifests manifests, Known known, JsonObject one)
    {
        var ours = manifests.Pods().Where(pod => Selected(one.At("spec.selector"), pod.Template.Strings("metadata.labels"))).ToList();
        var ports = ours.SelectMany(pod => pod.Template.Each("spec.containers")).SelectMany(container => container.Each("ports")).Select(port => (string?)port["name"]).ToHashSet();
        return If(ours.Count == 0 && !known.OperatorsPods.Any(pod => Selected(one.At("spec.selector"), pod)), one.Title(), "selects no pod")
            .Concat(one.Each("spec.podMetricsEndpoints").Where(endpoint => ours.Count > 0 && !ports.Contains((string?)endpoint["port"]))
                .Select(endpoint => $"{one.Title()} reads the port {endpoint["port"]}, which its pods lack"))
            .Concat(Missing(known, one, one.Each("spec.podMetricsEndpoints").Select(endpoint => endpoint.At("tlsConfig.ca.secret")).OfType<JsonObject>()));
    }

    /// <summary>Whether a selector selects what has these labels.</summary>
    public static bool Selected(JsonNode? selector, IEnumerable<KeyValuePair<string, string>> labels) =>
        !Unmatched(selector.Strings("matchLabels"), labels).Any() && selector.Each("matchExpressions").All(one =>
        {
            var found = labels.Where(label => label.Key == (string?)one["key"]).Select(label => label.Value);
            return (string?)one["operator"] switch
            {
                "Exists" => found.Any(),
                "In" => found.Any(value => one["values"]!.AsArray().Any(wanted => (string?)wanted == value)),
                _ => throw new NotSupportedException($"Add the operator of {one.ToJsonString()} to this test."),
            };
        });

    private static IEnumerable<string> ServicePorts(Manifests manifests, JsonObject service)
    {
        var pods = manifests.Pods().Where(pod => !Unmatched(service.Strings("spec.selector"), pod.Template.Strings("metadata.labels")).Any()).ToList();
        var ports = pods.SelectMany(pod => pod.Template.Each("spec.containers")).SelectMany(container => container.Each("ports"))
            .Select(port => (string?)port["name"]).ToHashSet();
        return If(pods.Count == 0, service.Title(), "selects no pod").Concat(service.Each("spec.ports").Select(port => port["targetPort"]!.ToString())
            .Where(port => !ports.Contains(port)).Select(port => $"{service.Title()} leads to the port {port}, which its pods lack"));
    }

    /// <summary>The hosts in addresses and connection strings are services, and what is behind them listens on that port.</summary>
    private static IEnumerable<string> Hosts(Manifests manifests, Known known) => manifests.Objects
        .Concat(manifests.Overlay == "local" ? Known.LocalSecrets.Value : [])
        .SelectMany(one => one.Texts().Where(text => !text.Path.StartsWith(".metadata.annotations", StringComparison.Ordinal))
            .SelectMany(text => Host().Matches(text.Text).Select(match => (Title: one.Title(), Host: match.Groups["host"].Value))))
        .Where(found => !found.Host.Contains("example.com", StringComparison.Ordinal) && found.Host != "collector.monitoring.svc" && !known.Services.ContainsKey(found.Host.Split('.')[0]))
        .Select(found => $"{found.Title} talks to {found.Host}, which is no service");

    private static bool Selects(Manifests manifests, Known known, JsonNode? labels) => manifests.Pods()
        .Select(pod => pod.Template.Strings("metadata.labels")).Concat(known.OperatorsPods)
        .Any(pod => !Unmatched(labels.Strings(""), pod).Any());

    public static IEnumerable<string> Unmatched(IEnumerable<KeyValuePair<string, string>> selector, IEnumerable<KeyValuePair<string, string>> labels)
    {
        var there = labels.ToDictionary();
        return selector.Where(label => there.GetValueOrDefault(label.Key) != label.Value).Select(label => $"{label.Key}={label.Value}");
    }

    private static IEnumerable<string> Missing(Known known, JsonObject one, IEnumerable<JsonObject> references) => references
        .Where(reference => !known.Has(new("Secret", (string)reference["name"]!, (string)reference["key"]!, false)))
        .Select(reference => $"{one.Title()} refers to {reference.ToJsonString()}, which is not there");

    private static IEnumerable<Reference> Keys(JsonObject env) => new[] { ("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap") }
        .Where(kind => env.At("valueFrom." + kind.Item1) is not null)
        .Select(kind => new Reference(kind.Item2, (string)env.At($"valueFrom.{kind.Item1}.name")!, (string)env.At($"valueFrom.{kind.Item1}.key")!, false));

    private static IEnumerable<Reference> Wholes(JsonObject from) => new[] { ("secretRef", "Secret"), ("configMapRef", "ConfigMap") }
        .Where(kind => from[kind.Item1] is not null).Select(kind => new Reference(kind.Item2, (string)from.At(kind.Item1 + ".name")!, "", true));

    private static IEnumerable<Reference> OfVolume(JsonObject volume) => new[] { ("secret", "Secret", "secretName"), ("configMap", "ConfigMap", "name") }
        .Where(kind => volume[kind.Item1] is not null).SelectMany(kind =>
        {
            var name = (string?)volume.At($"{kind.Item1}.{kind.Item3}") ?? (string)volume.At(kind.Item1 + ".name")!;
            var items = volume.Each(kind.Item1 + ".items").Select(item => new Reference(kind.Item2, name, (string)item["key"]!, false)).ToList();
            return items.Count > 0 ? items : [new Reference(kind.Item2, name, "", true)];
        });

    [GeneratedRegex("-[0-9a-z]{10}$")]
    private static partial Regex Hashed();

    [GeneratedRegex(@"(?:\bHost=|(?:https?|amqps?)://(?:[^@/]*@)?)(?<host>[a-z][a-z0-9.-]*)(?=[:;/\s]|$)")]
    private static partial Regex Host();
}

internal sealed record Reference(string Kind, string Name, string Key, bool Whole);
