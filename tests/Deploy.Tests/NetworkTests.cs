namespace Shop.Deploy.Tests;

/// <summary>The network allows what the diagram in docs/tour.md shows and what the platform itself needs, and nothing else.</summary>
public sealed class NetworkTests
{
    private static readonly int[] s_databasePorts = [5432, 8000];
    private static readonly int[] s_nodePorts = [4369, 25672, 35672];

    public static TheoryData<string> Overlays { get; } = [.. Manifests.Overlays];

    [Theory]
    [MemberData(nameof(Overlays))]
    public void The_arrows_are_those_of_the_diagram(string overlay)
    {
        var (missing, extra) = Compare(Manifests.Load(overlay));

        Assert.Empty(missing);
        Assert.Empty(extra);
    }

    [Fact]
    public void The_diagram_is_read()
    {
        Assert.Contains(("client", "analytics", false), Diagram.Arrows);
        Assert.Contains(("ordering", "inventory", true), Diagram.Arrows);
        Assert.Contains(("notification", "hook", false), Diagram.Arrows);
        Assert.Equal(12, Diagram.Arrows.Count);
    }

    [Theory]
    [InlineData("spec.podSelector", "{matchLabels: {app.kubernetes.io/component: service}}", "inventory -> ordering-db:5432", "egress to anybody's database")]
    [InlineData("spec.egress", "[{to: [{podSelector: {}}]}]", "ordering -> inventory:8080", "a call between services")]
    public void A_policy_that_allows_too_much_is_found(string path, string yaml, string arrow, string what)
    {
        var value = Yaml.Read(yaml.StartsWith('[') ? $"x: {yaml}" : yaml).Single();
        var changed = Manifests.Load("production").With("NetworkPolicy/ordering", path, yaml.StartsWith('[') ? value["x"]!.DeepClone() : value);

        // Both sides must allow a call: the callee's side is opened too.
        changed = changed.And("""
            apiVersion: networking.k8s.io/v1
            kind: NetworkPolicy
            metadata: {name: open, namespace: shop}
            spec:
              podSelector: {}
              policyTypes: [Ingress]
              ingress: [{}]
            """);

        Assert.True(Compare(changed).Extra.Contains(arrow), what);
    }

    [Fact]
    public void A_policy_that_allows_too_little_is_found()
    {
        var missing = Compare(Manifests.Load("production").Without("NetworkPolicy/analytics-database")).Missing;

        Assert.Equal(["analytics -> analytics-db:5432"], missing);
    }

    [Fact]
    public void An_authority_that_cannot_reach_the_solver_is_found() => Assert.Equal(
        [$"clients -> {Network.Solver}:8089"], Compare(Manifests.Load("production").Without("NetworkPolicy/acme-solver")).Missing);

    [Fact]
    public void A_console_that_cannot_ask_is_found() => Assert.Equal(
        Manifests.Services.Select(service => $"console -> {service}:8080").Order(), Compare(Manifests.Load("local").Without("NetworkPolicy/services-console")).Missing);

    [Fact]
    public void A_console_that_nobody_can_sign_in_to_is_found() => Assert.Contains(
        "console -> the internet:443", Compare(Manifests.Load("production").Without("NetworkPolicy/console-sign-in")).Missing);

    [Fact]
    public void Metrics_that_cannot_be_read_are_found() => Assert.Contains(
        "monitoring -> ordering:8081", Compare(Manifests.Load("production-monitoring").Without("NetworkPolicy/services-telemetry")).Missing);

    [Fact]
    public void Without_the_default_everything_else_is_open() =>
        Assert.Contains("another namespace -> postgres:15672", Compare(new Manifests("local", [.. Manifests.Load("local").Objects
            .Where(one => (string?)one["kind"] != "NetworkPolicy")])).Extra);

    private static (IReadOnlyList<string> Missing, IReadOnlyList<string> Extra) Compare(Manifests manifests)
    {
        var isLocal = manifests.Overlay == "local";
        var expected = Diagram.Expected(service => isLocal ? "postgres" : service + "-db", isLocal ? 5672 : 5671);
        expected.UnionWith(Platform(manifests));
        var arrows = new Network(manifests).Arrows();
        return ([.. expected.Except(arrows).Order()], [.. arrows.Except(expected).Order()]);
    }

    /// <summary>The console is not part of the diagram: staff reach it, and it asks the services and, where there is one, the provider.</summary>
    private static IEnumerable<string> Console(Manifests manifests) => Manifests.Services.Select(service => $"console -> {service}:8080")
        .Append("clients -> console:8080").Concat(manifests.Overlay == "local" ? [] : ["console -> the internet:443", "console -> a private address:443"]);

    private static IEnumerable<string> Monitored(Manifests manifests) => Manifests.Images
        .SelectMany(service => new[] { $"{service} -> monitoring:4317", $"monitoring -> {service}:8081" })
        .Concat(manifests.Of("Cluster").Select(one => $"monitoring -> {one.Name()}:9187")).Append("monitoring -> rabbitmq:15691");

    /// <summary>The restored database beside the old one, under the same policies.</summary>
    private static IEnumerable<string> Restored() => s_databasePorts.SelectMany(port =>
        new[] { $"ordering-db -> ordering-db-restored:{port}", $"ordering-db-restored -> ordering-db:{port}" }).Append("ordering -> ordering-db-restored:5432");

    /// <summary>What the diagram does not show, because it is not about the shop.</summary>
    private static IEnumerable<string> Platform(Manifests manifests)
    {
        string[] pods = [.. manifests.Pods().Select(pod => pod.Owner.Name()), .. manifests.Of("Cluster").Concat(manifests.Of("RabbitmqCluster")).Select(one => one.Name())];
        string[] anywhere = ["the internet", "a private address", "the cloud's metadata"]; // the API server has no label, the backups are elsewhere
        return pods.Select(pod => $"{pod} -> names:53")
            .Append($"broker-topology -> rabbitmq:{(manifests.Overlay == "local" ? 15672 : 15671)}")
            .Concat(manifests.Of("Cluster").SelectMany(one => s_databasePorts.SelectMany(port =>
                new[] { $"{one.Name()} -> {one.Name()}:{port}", $"CloudNativePG -> {one.Name()}:{port}" })))
            .Concat(manifests.Of("RabbitmqCluster").SelectMany(_ => s_nodePorts.Select(port => $"rabbitmq -> rabbitmq:{port}")
                .Append("RabbitMQ's operator -> rabbitmq:15671")))
            .Concat(manifests.Of("Cluster").Concat(manifests.Of("RabbitmqCluster")).SelectMany(one => anywhere.SelectMany(place =>
                new[] { $"{one.Name()} -> {place}:443", $"{one.Name()} -> {place}:6443" })))
            .Concat(manifests.Of("Ingress").SelectMany(_ => new[] { $"clients -> {Network.Solver}:8089", $"{Network.Solver} -> names:53" }))
            .Concat(Console(manifests))
            .Concat(manifests.Overlay == "production-monitoring" ? Monitored(manifests) : [])
            .Concat(manifests.Overlay == "restore" ? Restored() : [])
            .Concat(manifests.Overlay == "production-keda" ? ["KEDA -> rabbitmq:15671"] : []);
    }
}
