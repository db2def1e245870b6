using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Shop.Deploy.Tests;

/// <summary>Rules about this system's own things: its secrets, its settings, its connections and its queues.</summary>
internal static partial class ShopRules
{
    /// <summary>What a service keeps beside its pool: the relay's session, the listener's, and two of open streams, rebuilds or the log's.</summary>
    private const int BesideThePool = 4;

    /// <summary>Names that ASP.NET Core itself reads, and those of connection strings, which are no property of any class of ours.</summary>
    private static readonly HashSet<string> s_known =
    [
        "ASPNETCORE_HTTP_PORTS", "SSL_CERT_FILE", "Authentication", "Schemes", "Bearer", "ValidIssuer", "ValidAudiences", "SigningKeys", "Issuer",
        "Value", "ConnectionStrings", "Database", "rabbitmq", "RuntimeRole", "ASPNETCORE_ENVIRONMENT", "Authority", "ClientId", "ClientSecret", "services", "http", .. Manifests.Services,
    ];

    /// <summary>Secrets are named, never written down: not as an object, not in a setting, and not inside an address.</summary>
    public static IEnumerable<string> NoSecrets(Manifests manifests) => manifests.Of("Secret").Select(one => $"{one.Title()} is a secret itself")
        .Concat(manifests.Objects.SelectMany(one => one.Texts().Where(text => Inside().IsMatch(text.Text)).Select(text => $"{one.Title()}{text.Path} has a secret in it")))
        .Concat(manifests.Of("ConfigMap").SelectMany(one => one.Strings("data").Where(IsSecret).Select(pair => $"{one.Title()} has {pair.Key}")))
        .Concat(manifests.Of("ExternalSecret").SelectMany(one => one.Strings("spec.target.template.data").Where(IsSecret)
            .Where(pair => !pair.Value.StartsWith("{{", StringComparison.Ordinal)).Select(pair => $"{one.Title()} has {pair.Key}")))
        .Concat(manifests.Pods().SelectMany(pod => pod.Template.Containers().SelectMany(container => container.Each("env"))
            .Where(env => env["value"] is not null && IsSecret(KeyValuePair.Create((string)env["name"]!, (string)env["value"]!)))
            .Select(env => $"{pod.Owner.Title()} has {env["name"]}")));

    /// <summary>A setting that no code reads is ignored silently: every part of each name must occur in the services' code.</summary>
    public static IEnumerable<string> UnreadSettings(Manifests manifests)
    {
        var code = Code.Value;
        var names = manifests.Of("ConfigMap").Where(one => Manifests.Images.Any(service => one.Name().StartsWith(service + "-", StringComparison.Ordinal)))
            .SelectMany(one => one.Strings("data").Select(pair => pair.Key))
            .Concat(manifests.Pods().Where(pod => Manifests.Images.Contains(pod.Owner.Name())).SelectMany(pod => pod.Template.Containers())
                .SelectMany(container => container.Each("env")).Select(env => (string)env["name"]!));
        return names.Distinct().SelectMany(name => name.Split("__").Where(part => !s_known.Contains(part) && !int.TryParse(part, out _) && !code.Contains(part))
            .Select(part => $"{name}: nobody reads {part}"));
    }

    /// <summary>The database has enough connections for the maximum number of pods, with one more during a rollout.</summary>
    public static IEnumerable<string> ConnectionsFit(Manifests manifests)
    {
        var secrets = manifests.Overlay == "local" ? Known.LocalSecrets.Value : [.. manifests.Of("ExternalSecret")];
        var wanted = Manifests.Services.Select(service => (Service: service, Connections: (MostPods(manifests, service) + 1) * (Pool(secrets, service) + BesideThePool))).ToList();
        if (manifests.Find("StatefulSet", "postgres") is { } postgres)
        {
            var most = int.Parse(MaxConnections().Match(postgres.ToJsonString()).Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture);
            return Over(wanted.Sum(one => one.Connections), most, "all services");
        }

        return wanted.SelectMany(one => Over(one.Connections, int.Parse(
            (string)manifests.Find("Cluster", one.Service + "-db").At("spec.postgresql.parameters.max_connections")!, System.Globalization.CultureInfo.InvariantCulture), one.Service));
    }

    /// <summary>An autoscaler counts the messages that its service consumes, and not dead letters, which are not consumed.</summary>
    public static IEnumerable<string> CountedQueues(Manifests manifests)
    {
        var definitions = JsonNode.Parse(File.ReadAllText(Path.Combine(Manifests.Repository, "deploy", "rabbitmq", "definitions.json")))!;
        var queues = definitions.Each("queues").Select(queue => (string)queue["name"]!).ToList();
        return manifests.Of("ScaledObject").SelectMany(one =>
        {
            var pattern = (string)one.Each("spec.triggers").Single(trigger => (string?)trigger["type"] == "rabbitmq").At("metadata.queueName")!;
            var counted = queues.Where(queue => Regex.IsMatch(queue, pattern)).ToHashSet();
            var consumed = queues.Where(queue => queue.StartsWith(one.Name() + ".", StringComparison.Ordinal) && !Waiting().IsMatch(queue)).ToHashSet();
            return counted.Except(consumed).Select(queue => $"{one.Title()} counts {queue}")
                .Concat(consumed.Except(counted).Select(queue => $"{one.Title()} does not count {queue}"));
        });
    }

    private static IEnumerable<string> Over(int wanted, int most, string who) => wanted > most - 10 ? [$"{who} may want {wanted} connections of {most}"] : [];

    private static int MostPods(Manifests manifests, string service) =>
        (int?)manifests.Find("HorizontalPodAutoscaler", service).At("spec.maxReplicas") ?? (int?)manifests.Find("ScaledObject", service).At("spec.maxReplicaCount") ?? 1;

    private static int Pool(IEnumerable<JsonObject> secrets, string service)
    {
        var text = secrets.Single(secret => secret.Name() == service).Texts().Single(text => text.Path.EndsWith("ConnectionStrings__Database", StringComparison.Ordinal)).Text;
        return PoolSize().Match(text) is { Success: true } size ? int.Parse(size.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture) : 100;
    }

    private static bool IsSecret(KeyValuePair<string, string> setting) => SecretName().IsMatch(setting.Key) && !setting.Value.StartsWith('/');

    /// <summary>Where settings are read: classes of settings, registrations, and all of ServiceDefaults.</summary>
    private static Lazy<HashSet<string>> Code { get; } = new(() =>
        new[] { ("services", "*Settings.cs"), ("services", "*Registration.cs"), ("Messaging", "*Settings.cs"), ("Messaging", "*Registration.cs"), ("ServiceDefaults", "*.cs"), ("services/Console", "*.cs") }
            .SelectMany(where => Directory.EnumerateFiles(Path.Combine(Manifests.Repository, where.Item1), where.Item2, SearchOption.AllDirectories))
            .SelectMany(file => Word().Matches(File.ReadAllText(file)).Select(word => word.Value)).ToHashSet());

    [GeneratedRegex(@"[Pp]assword=(?!\{\{|\$)[^;\s]|://[^/\s:@{$]+:(?!\{\{|\$)[^@\s]+@|-----BEGIN [A-Z ]*PRIVATE KEY")]
    private static partial Regex Inside();

    [GeneratedRegex(@"([Pp]assword|PASSWORD|[Ss]ecret|[Tt]oken|SigningKeys?(?:__\d+__Value)?|Sessions__Key|(?:^|_)PASS)$")]
    private static partial Regex SecretName();

    [GeneratedRegex(@"max_connections=(\d+)")]
    private static partial Regex MaxConnections();

    [GeneratedRegex(@"Maximum Pool Size=(\d+)")]
    private static partial Regex PoolSize();

    [GeneratedRegex(@"\.(dead|retry-\d+|discarded)$")]
    private static partial Regex Waiting();

    [GeneratedRegex(@"\w+")]
    private static partial Regex Word();
}
