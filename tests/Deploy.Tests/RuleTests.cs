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

    /// <summary>The rows of breaches.txt.</summary>
    public static TheoryData<string, string, string, string, string, string> Breaches { get; } = [.. File
        .ReadLines(Path.Combine(Manifests.Repository, "tests", "Deploy.Tests", "breaches.txt")).Where(line => !line.StartsWith('#'))
        .Select(line => line.Split(" | ")).Select(row => (row[0], row[1], row[2], row[3], row[4], row[5]))];

    [Theory]
    [MemberData(nameof(Breaches))]
    public void A_breach_is_found(string overlay, string rule, string which, string path, string value, string found) =>
        Finds(rule, Manifests.Load(overlay).With(which, path, value == "(removed)" ? null : JsonNode.Parse(value)), found);

    [Fact]
    public void Every_rule_has_a_breach() => Assert.Equal(s_rules.Keys.Order(), Breaches.Select(row => row.Data.Item2).Distinct().Order());

    [Fact]
    public void A_setting_of_messaging_is_known() => Assert.Empty(ShopRules.UnreadSettings(Manifests.Load("local")
        .With("Deployment/ordering", "spec.template.spec.containers.0.env.0.name", "Messaging__RetiredVersions__0")));

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
