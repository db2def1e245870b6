using System.Text.Json.Nodes;
using Shop.Contracts;
using Shop.Messaging;

namespace Shop.Testing;

/// <summary>The committed definitions of the broker: what ./shop up and every deployment load.</summary>
public static class Topology
{
    /// <summary>The file, from the repository's root.</summary>
    public const string RelativePath = "deploy/rabbitmq/definitions.json";

    /// <summary>The repository that this runs in.</summary>
    public static string Root { get; } = FindRoot();

    private static readonly Lazy<string> s_text = new(() => File.ReadAllText(Path.Combine(Root, RelativePath)));

    /// <summary>All services, as the definitions name their users.</summary>
    public static IReadOnlyList<string> Services =>
        [.. Committed()["users"]!.AsArray().Select(user => (string)user!["name"]!)];

    /// <summary>The whole of it, to be changed freely.</summary>
    public static JsonObject Committed() => JsonNode.Parse(s_text.Value)!.AsObject();

    /// <summary>
    /// The part that tests of these services need: every event's exchange, and these services' own queues. Declaring the rest would take
    /// time.
    /// </summary>
    public static JsonObject Of(params IReadOnlyCollection<string> services)
    {
        var definitions = Committed();
        Keep("users", "name");
        Keep("permissions", "user");
        Keep("exchanges", "name");
        Keep("queues", "name");
        Keep("bindings", "destination");
        return definitions;

        void Keep(string category, string name) => definitions[category] = new JsonArray([.. definitions[category]!.AsArray()
            .Where(item => services.Contains(((string)item![name]!).Split('.')[0])
                || (category == "exchanges" && ShopEvents.Catalog.TypeOf((string)item[name]!) is not null))
            .Select(item => item!.DeepClone())]);
    }

    /// <summary>What a service's user may do, as regular expressions over names.</summary>
    public static JsonObject PermissionOf(string service) =>
        Committed()["permissions"]!.AsArray().Select(item => item!.AsObject()).Single(item => (string)item["user"]! == service);

    private static string FindRoot()
    {
        var at = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(at.FullName, "Shop.sln")))
        {
            at = at.Parent ?? throw new InvalidOperationException($"{AppContext.BaseDirectory} is not inside the shop's repository.");
        }

        return at.FullName;
    }
}
