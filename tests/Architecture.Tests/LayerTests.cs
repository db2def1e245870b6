using Mono.Cecil;
using Shop.Messaging.DomainEvents;

namespace Shop.Architecture.Tests;

/// <summary>
/// The folders of the messaging library, each of which may use those above it and none below: read from the top, every type is explained
/// before it is used.
/// </summary>
public sealed class LayerTests
{
    private static readonly string[] s_order =
    [
        "DomainEvents", "UnitOfWork", "Settings", "Wire", "Telemetry", "Outbox", "Relay", "RabbitMq", "Inbox", "Consuming", "Operations",
        "Registration", "LogTailing",
    ];

    [Fact]
    public void Folders_of_the_library_depend_one_way()
    {
        using var library = Code.Of<AggregateRoot>();

        Assert.Empty(Against(library, s_order));
    }

    /// <summary>The negative control: in another order, and with a folder that has no place, it is found.</summary>
    [Fact]
    public void A_folder_that_uses_one_below_it_is_named()
    {
        using var library = Code.Of<AggregateRoot>();

        Assert.Contains(Against(library, [.. s_order.Where(layer => layer != "Outbox"), "Outbox"]), found => found.StartsWith("Relay uses Outbox", StringComparison.Ordinal));
        Assert.Contains(Against(library, [.. s_order.Where(layer => layer != "Inbox")]), found => found.Contains("Inbox has no place", StringComparison.Ordinal));
    }

    /// <summary>What the page shows is what is so.</summary>
    [Fact]
    public void The_diagram_in_the_docs_matches_the_folders()
    {
        using var library = Code.Of<AggregateRoot>();
        var page = File.ReadAllText(Path.Combine(Code.Repository, "docs", "messaging.md"));

        var picture = Picture(library);

        Assert.True(page.Contains(picture, StringComparison.Ordinal), $"docs/messaging.md is to have this picture:\n{picture}");
    }

    private static string Picture(AssemblyDefinition library)
    {
        var uses = Uses(library).Where(use => use.From != use.To).Select(use => (use.From, use.To)).Distinct().ToList();
        var lines = s_order.Select(layer => $"{layer,-12} uses {string.Join(", ", s_order.Where(other => uses.Contains((layer, other))))}"
            .Replace("uses \n", "", StringComparison.Ordinal));
        return string.Join('\n', lines.Select(line => line.EndsWith("uses ", StringComparison.Ordinal) ? line[..^6].TrimEnd() : line));
    }

    private static List<string> Against(AssemblyDefinition library, string[] order) =>
    [
        .. from use in Uses(library)
           let at = Array.IndexOf(order, use.From)
           let to = Array.IndexOf(order, use.To)
           where at < 0 || to < 0 || to > at
           select at < 0 || to < 0 ? $"{(at < 0 ? use.From : use.To)} has no place in the order." : $"{use.From} uses {use.To}: {use.What}",
    ];

    private static IEnumerable<(string From, string To, string What)> Uses(AssemblyDefinition library) =>
        (from type in library.AllTypes()
         where IsOurs(type)
         from mentioned in type.Mentions()
         where IsOurs(mentioned) && mentioned.Scope == library.MainModule
         select (Layer(type), Layer(mentioned), $"{type.FullName} mentions {mentioned.FullName}")).Distinct();

    private static bool IsOurs(TypeReference type) => type.OutermostNamespace().StartsWith("Shop.Messaging", StringComparison.Ordinal);

    /// <summary>The folder; types at the library's root are settings, which all folders use, or the registration, which uses all folders.</summary>
    private static string Layer(TypeReference type) => type.OutermostNamespace().Split('.') switch
    {
        [_, _, var folder, ..] => folder,
        _ => Outermost(type).Name is "MessagingSettings" or "RelayKind" ? "Settings" : "Registration",
    };

    private static TypeReference Outermost(TypeReference type) => type.DeclaringType is { } outer ? Outermost(outer) : type;
}
