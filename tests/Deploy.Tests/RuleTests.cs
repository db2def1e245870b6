using System.Text.Json.Nodes;

namespace Shop.Deploy.Tests;

/// <summary>Every overlay keeps every rule, and each rule finds a manifest that breaks it.</summary>
public sealed class RuleTests
{
    private static readonly Dictionary<string, Func<Manifests, IEnumerable<string>>> s_rules = new()
    {
        ["restricted"] = PodRules.Restricted,
        ["probed"] = PodRules.Probed,
        ["bounded"] = PodRules.Bounded,
        ["stops in time"] = PodRules.StopsInTime,
        ["rolls without a gap"] = PodRules.RollsWithoutAGap,
        ["images"] = PodRules.Images,
        ["references"] = References.Broken,
        ["no secrets"] = ShopRules.NoSecrets,
        ["settings"] = ShopRules.UnreadSettings,
        ["connections"] = ShopRules.ConnectionsFit,
        ["queues"] = ShopRules.CountedQueues,
        ["data"] = DataRules.DataIsApart,
        ["log"] = DataRules.TheLogHasItsVolume,
        ["members"] = DataRules.QueuesGetTheirMembers,
        ["topology"] = DataRules.TheTopologyJobLasts,
        ["takes over"] = DataRules.KedaTakesOver,
        ["priority"] = DataRules.DataComesFirst,
        ["registry"] = DataRules.PrivateImagesArePulled,
    };

    public static TheoryData<string, string> All { get; } = [.. Manifests.Overlays.SelectMany(overlay => s_rules.Keys.Select(rule => (overlay, rule)))];

    [Theory]
    [MemberData(nameof(All))]
    public void A_rule_is_kept(string overlay, string rule) => Assert.Empty(s_rules[rule](Manifests.Load(overlay)));

    [Theory]
    [InlineData("restricted", "Deployment/ordering", "spec.template.spec.securityContext.runAsNonRoot", "false", "may run as root")]
    [InlineData("restricted", "Deployment/ordering", "spec.template.spec.securityContext.seccompProfile", null, "has no seccomp profile")]
    [InlineData("restricted", "Deployment/ordering", "spec.template.spec.automountServiceAccountToken", "true", "gets a token")]
    [InlineData("restricted", "Deployment/ordering", "spec.template.spec.hostNetwork", "true", "uses its host's namespaces")]
    [InlineData("restricted", "Deployment/ordering", "spec.template.spec.volumes.0", """{"name":"tmp","hostPath":{"path":"/tmp"}}""", "mounts its host's files")]
    [InlineData("restricted", "Deployment/ordering", "spec.template.spec.initContainers.0.securityContext", null, "may gain privileges")]
    [InlineData("restricted", "Deployment/ordering", "spec.template.spec.containers.0.securityContext.readOnlyRootFilesystem", "false", "may write to its root")]
    [InlineData("restricted", "Deployment/ordering", "spec.template.spec.containers.0.securityContext.capabilities.drop", """["NET_RAW"]""", "keeps capabilities")]
    [InlineData("restricted", "Job/broker-topology", "spec.template.spec.containers.0.securityContext.capabilities.add", """["NET_ADMIN"]""", "adds capabilities")]
    [InlineData("restricted", "StatefulSet/postgres", "spec.template.spec.securityContext.runAsUser", "0", "names no user")]
    [InlineData("probed", "Deployment/ordering", "spec.template.spec.containers.0.startupProbe", null, "startupProbe is missing")]
    [InlineData("probed", "Deployment/ordering", "spec.template.spec.containers.0.livenessProbe.httpGet.path", "\"/health/ready\"", "asks elsewhere")]
    [InlineData("probed", "StatefulSet/rabbitmq", "spec.template.spec.containers.0.readinessProbe", null, "readinessProbe is missing")]
    [InlineData("bounded", "Deployment/ordering", "spec.template.spec.initContainers.0.resources.limits.memory", null, "has no limit of memory")]
    [InlineData("bounded", "Deployment/ordering", "spec.template.spec.containers.0.resources.requests.cpu", "\"3\"", "asks for more cpu than it may have")]
    [InlineData("bounded", "Deployment/ordering", "spec.template.spec.containers.0.resources.limits.memory", "\"256Mi\"", "may not have the memory that was measured twice over")]
    [InlineData("bounded", "StatefulSet/postgres", "spec.template.spec.volumes.2.emptyDir", "{}", "has no limit")]
    [InlineData("stops in time", "Deployment/ordering", "spec.template.spec.terminationGracePeriodSeconds", "30", "is killed after 30 s")]
    [InlineData("stops in time", "Deployment/ordering", "spec.template.spec.containers.0.lifecycle", null, "does not wait")]
    [InlineData("rolls without a gap", "Deployment/ordering", "spec.strategy.rollingUpdate.maxUnavailable", "1", "may have too few pods")]
    [InlineData("rolls without a gap", "Deployment/ordering", "spec.replicas", "2", "sets back what its autoscaler decided")]
    [InlineData("images", "Deployment/ordering", "spec.template.spec.containers.0.image", "\"shop-ordering\"", "takes whatever shop-ordering is")]
    [InlineData("images", "Deployment/ordering", "spec.template.spec.containers.0.image", "\"registry:5000/shop-ordering:latest\"", "takes whatever")]
    [InlineData("references", "Deployment/ordering", "spec.template.spec.containers.0.env.0.valueFrom.secretKeyRef.name", "\"orderng\"", "refers to Secret orderng")]
    [InlineData("references", "Deployment/ordering", "spec.template.spec.containers.0.env.0.valueFrom.secretKeyRef.key", "\"Database\"", "refers to Secret ordering Database")]
    [InlineData("references", "Deployment/ordering", "spec.template.spec.containers.0.envFrom.0.configMapRef.name", "\"ordering-0123456789\"", "refers to ConfigMap ordering-0123456789")]
    [InlineData("references", "Deployment/ordering", "spec.template.spec.serviceAccountName", "\"default\"", "names no service account")]
    [InlineData("references", "Deployment/ordering", "spec.template.spec.volumes.0.name", "\"temp\"", "mounts tmp, which is no volume")]
    [InlineData("references", "Deployment/ordering", "spec.template.spec.containers.0.livenessProbe.httpGet.port", "\"web\"", "probes the port web")]
    [InlineData("references", "Deployment/ordering", "spec.template.metadata.labels", """{"app.kubernetes.io/name":"order"}""", "which its own pods lack")]
    [InlineData("references", "Service/ordering", "spec.ports.0.targetPort", "\"https\"", "leads to the port https")]
    [InlineData("references", "PodDisruptionBudget/ordering", "spec.selector.matchLabels", """{"app":"ordering"}""", "selects no pod")]
    [InlineData("references", "NetworkPolicy/ordering", "spec.podSelector.matchLabels", """{"app":"ordering"}""", "selects no pod")]
    [InlineData("references", "Job/broker-topology", "spec.template.spec.containers.0.env.0.value", "\"http://rabbit:15672\"", "talks to rabbit")]
    [InlineData("references", "StatefulSet/postgres", "spec.template.spec.volumes.1.secret.secretName", "\"postgres-login\"", "refers to Secret postgres-login")]
    [InlineData("no secrets", "Deployment/ordering", "spec.template.spec.containers.0.env.0", """{"name":"Email__Password","value":"hunter2"}""", "has Email__Password")]
    [InlineData("no secrets", "Deployment/ordering", "spec.template.spec.containers.0.env.0", """{"name":"X","value":"Host=postgres;Password=hunter2"}""", "has a secret in it")]
    [InlineData("no secrets", "Deployment/ordering", "spec.template.spec.containers.0.env.0", """{"name":"X","value":"amqp://ordering:hunter2@rabbitmq/shop"}""", "has a secret in it")]
    [InlineData("settings", "Deployment/ordering", "spec.template.spec.containers.0.env.0.name", "\"Messaging__ConfirmTimout\"", "nobody reads ConfirmTimout")]
    [InlineData("rolls without a gap", "Deployment/ordering", "spec.strategy.type", null, "names no type of rollout")]
    [InlineData("members", "StatefulSet/rabbitmq", "spec.replicas", "3", "waits for 1 of 3 nodes")]
    [InlineData("topology", "Job/broker-topology", "spec.ttlSecondsAfterFinished", "600", "is removed after 600 s")]
    [InlineData("topology", "Job/broker-topology", "spec.activeDeadlineSeconds", "900", "is ended after 900 s")]
    [InlineData("connections", "StatefulSet/postgres", "spec.template.spec.containers.0.args", """["-c","max_connections=100"]""", "may want")]
    public void A_breach_is_found(string rule, string which, string path, string? value, string found) =>
        Finds(rule, Manifests.Load("local").With(which, path, value is null ? null : JsonNode.Parse(value)), found);

    [Theory]
    [InlineData("bounded", "Cluster/ordering-db", "spec.resources.limits", null, "has no limit of memory")]
    [InlineData("bounded", "RabbitmqCluster/rabbitmq", "spec.resources", null, "asks for no cpu")]
    [InlineData("images", "Cluster/ordering-db", "spec.imageName", null, "takes whatever")]
    [InlineData("references", "Ingress/shop", "spec.rules.0.http.paths.0.backend.service.name", "\"orders\"", "which is not there")]
    [InlineData("references", "ScheduledBackup/ordering-db", "spec.cluster.name", "\"ordering\"", "backs up nothing")]
    [InlineData("references", "Certificate/rabbitmq", "spec.issuerRef.name", "\"authority\"", "has no issuer")]
    [InlineData("references", "Certificate/rabbitmq", "spec.secretName", "\"tls\"", "has no certificate")]
    [InlineData("references", "Cluster/ordering-db", "spec.bootstrap.initdb.secret.name", "\"owner\"", "refers to the Secret owner")]
    [InlineData("references", "ExternalSecret/ordering", "spec.target.template.data.ConnectionStrings__rabbitmq", "\"amqps://x:{{ .b }}@broker:5671/shop\"", "talks to broker")]
    [InlineData("references", "ScaledObject/ordering", "spec.scaleTargetRef.name", "\"orders\"", "scales nothing")]
    [InlineData("no secrets", "ExternalSecret/ordering", "spec.target.template.data.password", "\"hunter2\"", "has password")]
    [InlineData("connections", "ScaledObject/ordering", "spec.maxReplicaCount", "10", "ordering may want 264 connections of 200")]
    [InlineData("data", "Cluster/ordering-db", "metadata.annotations", null, "can be pruned")]
    [InlineData("log", "Cluster/ordering-db", "spec.walStorage", null, "has its log on the volume of its data")]
    [InlineData("log", "Cluster/ordering-db", "spec.walStorage.size", "\"10Gi\"", "may keep 10GB of log")]
    [InlineData("members", "RabbitmqCluster/rabbitmq", "spec.rabbitmq.additionalConfig", "\"x = y\"", "does not add missing members")]
    [InlineData("members", "RabbitmqCluster/rabbitmq", "spec.replicas", "5", "adds members up to 3 of 5")]
    [InlineData("members", "Job/broker-topology", "spec.template.spec.containers.0.env", "[]", "waits for one of 3 nodes")]
    [InlineData("takes over", "ScaledObject/ordering", "metadata.annotations", null, "does not take over")]
    [InlineData("takes over", "ScaledObject/ordering", "spec.advanced.horizontalPodAutoscalerConfig.name", null, "beside ordering")]
    [InlineData("priority", "Cluster/ordering-db", "spec.priorityClassName", "\"shop-services\"", "may be evicted before a service")]
    [InlineData("priority", "RabbitmqCluster/rabbitmq", "spec.override", null, "may be evicted before a service")]
    [InlineData("priority", "Deployment/ordering", "spec.template.spec.priorityClassName", "\"none\"", "has no priority")]
    [InlineData("registry", "Deployment/ordering", "spec.template.spec.imagePullSecrets", null, "has no Secret for its registry")]
    [InlineData("registry", "ExternalSecret/registry", "spec.target.template.data", "{}", "has no Secret for its registry")]
    [InlineData("queues", "ScaledObject/ordering", "spec.triggers.1.metadata.queueName", "\"^ordering\"", "counts ordering.stock-reserved.dead")]
    [InlineData("queues", "ScaledObject/analytics", "spec.triggers.1.metadata.queueName", "\"^analytics.events$\"", "does not count analytics.event-log")]
    public void A_breach_is_found_among_operators(string rule, string which, string path, string? value, string found) =>
        Finds(rule, Manifests.Load("production-keda").With(which, path, value is null ? null : JsonNode.Parse(value)), found);

    [Fact]
    public void A_setting_of_messaging_is_known() => Assert.Empty(ShopRules.UnreadSettings(Manifests.Load("local")
        .With("Deployment/ordering", "spec.template.spec.containers.0.env.0.name", "Messaging__RetiredVersions__0")));

    [Theory]
    [InlineData("spec.podMetricsEndpoints.0.port", "\"prometheus\"", "reads the port prometheus")]
    [InlineData("spec.selector.matchLabels", "{\"app\":\"shop\"}", "selects no pod")]
    public void A_monitor_that_reads_nothing_is_found(string path, string value, string found) =>
        Finds("references", Manifests.Load("production-monitoring").With("PodMonitor/services", path, JsonNode.Parse(value)), found);

    [Fact]
    public void A_restored_database_that_nobody_backed_up_is_found() => Finds("references", Manifests.Load("restore").With(
        "Cluster/ordering-db-restored", "spec.plugins.0.parameters.barmanObjectName", "none"), "has no store none");

    [Fact]
    public void A_plaintext_secret_is_found() => Finds("no secrets", Manifests.Load("local").And(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: ordering}\nstringData: {password: hunter2}"), "Secret/ordering is a secret itself");

    [Fact]
    public void A_database_among_the_application_is_found() => Finds("data", Manifests.Load("production").And(
        "apiVersion: postgresql.cnpg.io/v1\nkind: Cluster\nmetadata: {name: ordering-db}"), "Cluster/ordering-db is deleted with the application");

    [Fact]
    public void A_missing_budget_is_found() =>
        Finds("rolls without a gap", Manifests.Load("local").Without("PodDisruptionBudget/analytics"), "analytics has no budget");

    [Fact]
    public void A_job_that_refers_to_what_changes_its_name_is_found()
    {
        var local = Manifests.Load("local");
        var hashed = local.Of("ConfigMap").First(one => one.Name().StartsWith("ordering-", StringComparison.Ordinal)).Name();

        Finds("references", local.With("Job/broker-topology", "spec.template.spec.volumes.0.configMap.name", hashed), "cannot change");
    }

    private static void Finds(string rule, Manifests broken, string what) =>
        Assert.Contains(s_rules[rule](broken), found => found.Contains(what, StringComparison.Ordinal));
}
