using System.Text.Json.Nodes;

namespace Shop.Deploy.Tests;

/// <summary>Every field of the manifests is known to Kubernetes or the operators, and has the right type.</summary>
public sealed class SchemaTests
{
    private static readonly Schemas s_schemas = Schemas.Load();

    public static TheoryData<string> Overlays { get; } = [.. Manifests.Overlays];

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Every_field_of_an_overlay_is_valid(string overlay) =>
        Assert.Empty(Manifests.Load(overlay).Objects.SelectMany(s_schemas.Errors));

    [Theory]
    [InlineData("Deployment/ordering", "spec.template.spec.containers.0.securityContext.readOnlyRootFileSystem", "true", "has no field readOnlyRootFileSystem")]
    [InlineData("Deployment/ordering", "spec.template.spec.containers.0.livenessProbe.failureThreshold", "\"6\"", "is no integer")]
    [InlineData("Deployment/ordering", "metadata.label", "{}", "has no field label")]
    [InlineData("Deployment/ordering", "spec.template.spec.containers.0.name", null, "lacks name")]
    [InlineData("Deployment/ordering", "apiVersion", "\"apps/v1beta1\"", "there is no schema of apps/v1beta1/Deployment")]
    [InlineData("Service/ordering", "spec.ports.0.targetport", "\"http\"", "has no field targetport")]
    [InlineData("NetworkPolicy/default-deny", "spec.podSelecter", "{}", "has no field podSelecter")]
    [InlineData("HorizontalPodAutoscaler/ordering", "spec.maxReplica", "3", "has no field maxReplica")]
    [InlineData("Cluster/ordering-db", "spec.backups", "{}", "has no field backups")]
    [InlineData("Cluster/ordering-db", "spec.postgresql.synchronous.method", "\"some\"", "is none of")]
    [InlineData("RabbitmqCluster/rabbitmq", "spec.tls.disableNonTlsListeners", "true", "has no field disableNonTlsListeners")]
    [InlineData("Certificate/rabbitmq", "metadata.nmae", "\"x\"", "has no field nmae")]
    [InlineData("ExternalSecret/ordering", "spec.target.template.datas", "{}", "has no field datas")]
    public void A_mistake_is_found(string which, string path, string? value, string error)
    {
        var broken = Manifests.Load("production").With(which, path, value is null ? null : JsonNode.Parse(value));

        Assert.Contains(broken.Objects.SelectMany(s_schemas.Errors), found => found.Contains(error, StringComparison.Ordinal));
    }

    [Fact]
    public void A_scaled_object_with_a_mistake_is_found() => Assert.Contains(
        Manifests.Load("production-keda").With("ScaledObject/ordering", "spec.maxReplicas", 5).Objects.SelectMany(s_schemas.Errors),
        found => found.Contains("has no field maxReplicas", StringComparison.Ordinal));
}
