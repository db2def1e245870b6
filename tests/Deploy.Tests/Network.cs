using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Shop.Deploy.Tests;

/// <summary>Somebody on the network: a pod by its namespace and labels, or an address outside the cluster.</summary>
internal sealed record Party(string Name, string Namespace, IReadOnlyDictionary<string, string> Labels, IPAddress? Address = null)
{
    public bool IsOurs => Namespace == "shop";
}

/// <summary>Who reaches whom by the network policies, worked out as Kubernetes does, for every two parties and every port in question.</summary>
internal sealed class Network
{
    private static readonly int[] s_ports = [25, 53, 80, 443, 587, 4369, 5432, 4317, 5671, 5672, 6443, 8000, 8080, 8081, 8089, 9187, 15671, 15672, 15691, 25672, 35672];

    /// <summary>The pod that cert-manager starts in this namespace for the Ingress's certificate.</summary>
    public const string Solver = "the ACME solver";

    private readonly IReadOnlyList<JsonObject> _policies;
    private readonly List<Party> _parties;

    public Network(Manifests manifests)
    {
        _policies = [.. manifests.Of("NetworkPolicy")];
        _parties =
        [
            .. manifests.Pods().Select(pod => new Party(pod.Owner.Name(), "shop", pod.Template.Strings("metadata.labels").ToDictionary())),
            .. manifests.Of("Cluster").Select(one => new Party(one.Name(), "shop",
                new Dictionary<string, string>(one.Strings("spec.inheritedMetadata.labels")) { ["cnpg.io/cluster"] = one.Name() })),
            .. manifests.Of("RabbitmqCluster").Select(one => new Party(one.Name(), "shop", new Dictionary<string, string> { ["app.kubernetes.io/name"] = one.Name() })),
            .. manifests.Of("Ingress").Select(_ => new Party(Solver, "shop", Known.AcmeSolver)),
            new("clients", "traefik", new Dictionary<string, string>()),
            new("names", "kube-system", new Dictionary<string, string> { ["k8s-app"] = "kube-dns" }),
            new("another pod of kube-system", "kube-system", new Dictionary<string, string>()),
            new("CloudNativePG", "cnpg-system", new Dictionary<string, string>()),
            new("RabbitMQ's operator", "rabbitmq-system", new Dictionary<string, string>()),
            new("monitoring", "monitoring", new Dictionary<string, string>()),
            new("KEDA", "keda", new Dictionary<string, string>()),
            new("another namespace", "default", new Dictionary<string, string> { ["app.kubernetes.io/name"] = "ordering" }),
            new("the internet", "", new Dictionary<string, string>(), IPAddress.Parse("93.184.216.34")),
            new("a private address", "", new Dictionary<string, string>(), IPAddress.Parse("10.1.2.3")),
            new("the cloud's metadata", "", new Dictionary<string, string>(), IPAddress.Parse("169.254.169.254")),
        ];
    }

    /// <summary>All that is possible, as "from -> to:port"; pods of the same kind among themselves only where a policy allows it.</summary>
    public IReadOnlySet<string> Arrows() =>
        (from source in _parties
         from target in _parties
         from port in s_ports
         where (source.IsOurs || target.IsOurs) && MayLeave(source, target, port) && MayEnter(source, target, port)
         select $"{source.Name} -> {target.Name}:{port}").ToHashSet();

    private bool MayLeave(Party source, Party target, int port) => !source.IsOurs || Allows(source, "Egress", target, port);

    private bool MayEnter(Party source, Party target, int port) => !target.IsOurs || Allows(target, "Ingress", source, port);

    private bool Allows(Party pod, string direction, Party other, int port)
    {
        var (rules, peers) = direction == "Egress" ? ("spec.egress", "to") : ("spec.ingress", "from");
        var selecting = _policies.Where(policy => policy.At("spec.policyTypes")!.AsArray().Any(type => (string?)type == direction)
            && References.Selected(policy.At("spec.podSelector"), pod.Labels)).ToList();
        return selecting.Count == 0 || selecting.SelectMany(policy => policy.Each(rules)).Any(rule =>
            (rule[peers] is null || rule.Each(peers).Any(peer => IsPeer(peer, other)))
            && (rule["ports"] is null || rule.Each("ports").Any(one => (string?)one["protocol"] == "TCP"
                && port >= (int)one["port"]! && port <= ((int?)one["endPort"] ?? (int)one["port"]!))));
    }

    private static bool IsPeer(JsonObject peer, Party other)
    {
        if (peer["ipBlock"] is { } block)
        {
            return other.Address is { } address && Contains(block["cidr"]!, address)
                && (block["except"] as JsonArray ?? []).All(except => !Contains(except!, address));
        }

        // Namespaces have their own name as a label; the one of the clients is labelled by hand.
        var labels = new Dictionary<string, string> { ["kubernetes.io/metadata.name"] = other.Namespace };
        if (other.Name == "clients")
        {
            labels["shop.example/clients"] = "true";
        }

        return other.Address is null
            && (peer["namespaceSelector"] is { } space ? References.Selected(space, labels) : other.IsOurs)
            && (peer["podSelector"] is not { } pods || References.Selected(pods, other.Labels));
    }

    private static bool Contains(JsonNode cidr, IPAddress address) => IPNetwork.Parse((string)cidr!).Contains(address);
}

/// <summary>The arrows of the diagram of the system, in docs/tour.md, and what they mean on the network.</summary>
internal static partial class Diagram
{
    public static IReadOnlyList<(string From, string To, bool IsEvent)> Arrows { get; } = [.. Read()];

    /// <summary>Between services there are events, so both talk to the broker; a service has a database; people come by HTTP.</summary>
    public static HashSet<string> Expected(Func<string, string> databaseOf, int brokerPort)
    {
        var services = Arrows.SelectMany(arrow => new[] { arrow.From, arrow.To }).Distinct().Intersect(Manifests.Services).ToList();
        return
        [
            .. Arrows.Where(arrow => arrow.IsEvent).SelectMany(arrow => new[] { $"{arrow.From} -> rabbitmq:{brokerPort}", $"{arrow.To} -> rabbitmq:{brokerPort}" }),
            .. services.Select(service => $"{service} -> {databaseOf(service)}:5432"),
            .. Arrows.Where(arrow => !arrow.IsEvent).SelectMany(arrow => arrow.To switch
            {
                "mail" => [$"{arrow.From} -> the internet:587", $"{arrow.From} -> a private address:587", $"{arrow.From} -> the cloud's metadata:587"],
                "hook" => [$"{arrow.From} -> the internet:443"],
                _ => new[] { $"{(arrow.From == "client" ? "clients" : arrow.From)} -> {arrow.To}:8080" },
            }),
        ];
    }

    private static IEnumerable<(string From, string To, bool IsEvent)> Read()
    {
        var tour = File.ReadAllText(Path.Combine(Manifests.Repository, "docs", "tour.md"));
        var diagram = tour[tour.IndexOf("```mermaid", StringComparison.Ordinal)..];
        diagram = diagram[..diagram.IndexOf("\n```\n", StringComparison.Ordinal)];
        return Arrow().Matches(diagram).SelectMany(match => match.Groups["to"].Value.Split('&', StringSplitOptions.TrimEntries)
            .Select(to => (match.Groups["from"].Value, to, match.Groups["event"].Success)));
    }

    [GeneratedRegex(@"^\s*(?<from>\w+) --(?: (?<event>""[^""]*"") --)?> (?<to>[\w &]+)$", RegexOptions.Multiline)]
    private static partial Regex Arrow();
}
