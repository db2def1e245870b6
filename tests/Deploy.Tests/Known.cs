using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;

namespace Shop.Deploy.Tests;

/// <summary>
/// What objects of an overlay can refer to: its own objects, what the operators create from them by convention, and the Secrets
/// that make-secrets prints for the laptop or that are created by hand.
/// </summary>
internal sealed class Known
{
    /// <summary>Created by hand (docs/deploy.md).</summary>
    private static readonly Dictionary<string, string[]> s_byHand = new() { ["broker-monitor"] = ["host", "tls"] };

    private readonly Dictionary<(string Kind, string Name), HashSet<string>> _keys = [];

    /// <summary>The labels of the pod that cert-manager starts for an Ingress, to answer the authority's challenge.</summary>
    public static Dictionary<string, string> AcmeSolver { get; } = new() { ["acme.cert-manager.io/http01-solver"] = "true" };

    /// <summary>The Secrets of the local overlay, from the script itself, with their values in plain text.</summary>
    public static Lazy<IReadOnlyList<JsonObject>> LocalSecrets { get; } = new(MakeSecrets);

    /// <summary>Services, also those that operators make, each with the names of its ports.</summary>
    public Dictionary<string, HashSet<string?>> Services { get; } = [];

    /// <summary>The labels of pods that operators make.</summary>
    public List<Dictionary<string, string>> OperatorsPods { get; } = [];

    public static Known Of(Manifests manifests)
    {
        var known = new Known();
        foreach (var one in manifests.Objects)
        {
            known.Add(one);
        }

        foreach (var secret in manifests.Overlay == "local" ? LocalSecrets.Value : [])
        {
            known.Add("Secret", secret.Name(), secret.Strings("data").Select(pair => pair.Key));
        }

        foreach (var (name, keys) in manifests.Overlay == "local" ? [] : s_byHand)
        {
            known.Add("Secret", name, keys);
        }

        return known;
    }

    public bool Has(Reference reference) => _keys.TryGetValue((reference.Kind, reference.Name), out var keys) && (reference.Whole || keys.Contains(reference.Key));

    private void Add(string kind, string name, IEnumerable<string> keys) => _keys[(kind, name)] = [.. keys];

    private void Add(JsonObject one)
    {
        var name = one.Name();
        switch ((string)one["kind"]!)
        {
            case "ConfigMap":
                Add("ConfigMap", name, one.Strings("data").Select(pair => pair.Key));
                break;
            case "Service":
                Services[name] = [.. one.Each("spec.ports").Select(port => (string?)port["name"])];
                break;
            case "ExternalSecret":
                var template = one.Strings("spec.target.template.data").Select(pair => pair.Key).ToList();
                Add("Secret", (string?)one.At("spec.target.name") ?? name,
                    template.Count > 0 ? template : one.Each("spec.data").Select(datum => (string)datum["secretKey"]!));
                break;
            case "Certificate":
                Add("Secret", (string)one.At("spec.secretName")!, ["tls.crt", "tls.key", "ca.crt"]);
                break;
            case "Ingress" when one.Strings("metadata.annotations").Any(pair => pair.Key.StartsWith("cert-manager.io/", StringComparison.Ordinal)):
                OperatorsPods.Add(AcmeSolver);
                break;
            case "Cluster":
                Add("Secret", name + "-ca", ["ca.crt", "ca.key"]);
                Services[name + "-rw"] = Services[name + "-ro"] = Services[name + "-r"] = ["postgres"];
                OperatorsPods.Add(new(one.Strings("spec.inheritedMetadata.labels")) { ["cnpg.io/cluster"] = name });
                break;
            case "RabbitmqCluster":
                Add("Secret", name + "-default-user", ["username", "password"]);
                Services[name] = ["amqps", "management-tls"];
                OperatorsPods.Add(new() { ["app.kubernetes.io/name"] = name, ["app.kubernetes.io/component"] = "rabbitmq" });
                break;
        }
    }

    private static List<JsonObject> MakeSecrets()
    {
        var kept = Directory.CreateTempSubdirectory("shop-secrets-");
        try
        {
            var start = new ProcessStartInfo(Path.Combine(Manifests.Kubernetes, "overlays", "local", "make-secrets"), kept.FullName) { RedirectStandardOutput = true };
            using var process = Process.Start(start)!;
            var secrets = Yaml.Read(process.StandardOutput.ReadToEnd()).ToList();
            process.WaitForExit();
            Assert.Equal(0, process.ExitCode);
            foreach (var data in secrets.Select(secret => secret["data"]!.AsObject()))
            {
                foreach (var (key, value) in data.ToList())
                {
                    data[key] = Encoding.UTF8.GetString(Convert.FromBase64String((string)value!));
                }
            }

            return secrets;
        }
        finally
        {
            kept.Delete(recursive: true);
        }
    }
}
