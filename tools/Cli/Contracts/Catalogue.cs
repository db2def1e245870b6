using System.Text;
using System.Text.Json.Nodes;
using Shop.Cli.Topology;
using Shop.Contracts;
using Shop.Messaging;

namespace Shop.Cli.Contracts;

/// <summary>Who tells whom what: the services' AsyncAPI documents, one for the whole, and a page for people.</summary>
internal static class Catalogue
{
    public const string Page = "docs/events.md";
    public const string Folder = "docs/asyncapi/";

    /// <summary>The files, by path.</summary>
    /// <param name="schemas">All events' schemas, by wire name.</param>
    public static async Task<IReadOnlyDictionary<string, string>> DeriveAsync(IReadOnlyDictionary<string, JsonObject> schemas, CancellationToken ct)
    {
        var documents = await Task.WhenAll(ServiceTopologies.Services.Select(async service =>
            (Name: service, Document: await ServiceTopologies.AskAsync(service, "asyncapi", ct))));
        var files = documents.ToDictionary(part => $"{Folder}{part.Name.ToLowerInvariant()}.json", part => ContractFiles.Text(part.Document));
        files[Folder + "shop.json"] = ContractFiles.Text(Whole([.. documents.Select(part => part.Document)]));
        files[Page] = Text(documents, schemas);
        return files;
    }

    private static JsonObject Whole(IReadOnlyList<JsonObject> documents)
    {
        var whole = documents[0].DeepClone().AsObject();
        whole["id"] = "urn:shop";
        whole["info"]!["title"] = "Shop";
        whole["info"]!["description"] = "All events that the services send and receive.";
        foreach (var document in documents.Skip(1))
        {
            foreach (var part in (string[])["channels", "operations", "components/messages", "components/schemas"])
            {
                Merge(At(whole, part), At(document, part));
            }
        }

        return whole;

        static JsonObject At(JsonObject document, string path) => path.Split('/').Aggregate(document, (at, name) => at[name]!.AsObject());
    }

    private static void Merge(JsonObject whole, JsonObject part)
    {
        foreach (var (name, value) in part)
        {
            whole.TryAdd(name, value?.DeepClone());
        }
    }

    private static string Text((string Name, JsonObject Document)[] services, IReadOnlyDictionary<string, JsonObject> schemas)
    {
        var page = new StringBuilder("""
            # Events

            Who tells whom what, derived by `./shop contracts write` from the contracts, from what each service may send, and from its
            consumers; a test keeps it so. How events change: [contracts.md](contracts.md). The same for machines: AsyncAPI 3.0 documents of
            """);
        page.Append(' ').AppendJoin(", ", services.Select(service => $"[{service.Name}](asyncapi/{service.Name.ToLowerInvariant()}.json)"))
            .Append(" and [the whole](asyncapi/shop.json);\neach service serves its own at `/asyncapi/v1.json`.\n\n")
            .Append("| event | ").AppendJoin(" | ", services.Select(service => service.Name)).Append(" |\n|---|")
            .Append(string.Concat(Enumerable.Repeat("---|", services.Length))).Append('\n');
        foreach (var name in schemas.Keys.Order(StringComparer.Ordinal))
        {
            page.Append($"| [{name}](#{Anchor(name)}) | ").AppendJoin(" | ", services.Select(service => Cell(service.Document, name))).Append(" |\n");
        }

        foreach (var (name, schema) in schemas.OrderBy(schema => schema.Key, StringComparer.Ordinal))
        {
            Describe(page, name, schema);
        }

        return page.ToString();
    }

    private static string Cell(JsonObject document, string name) => string.Join("<br>", document["operations"]!.AsObject()
        .Where(operation => operation.Value!["messages"]!.AsArray().Any(message => ((string)message!["$ref"]!).EndsWith("/" + name, StringComparison.Ordinal)))
        .Select(operation => (string)operation.Value!["action"]! == "send" ? "**sends**" : $"`{operation.Key["receive.".Length..]}`"));

    private static void Describe(StringBuilder page, string name, JsonObject schema)
    {
        page.Append($"\n## {name}\n\n{schema["description"]}\n\n");
        if (ShopEvents.Catalog.NewerThan(ShopEvents.Catalog.TypeOf(name)!) is { } newer)
        {
            page.Append($"Superseded by [{ShopEvents.Catalog.NameOf(newer)}](#{Anchor(ShopEvents.Catalog.NameOf(newer))}), and sent under the same event id for as long as it is consumed.\n\n");
        }

        page.Append($"[Schema](../{ContractFiles.SchemaPath(name)}), [recorded messages](../{ContractFiles.ExampleFolder}{name}).\n\n| member | | |\n|---|---|---|\n");
        Rows(page, schema, "");
    }

    private static void Rows(StringBuilder page, JsonObject schema, string prefix)
    {
        var required = (schema["required"]?.AsArray() ?? []).Select(name => (string)name!).ToHashSet();
        foreach (var (name, member) in schema["properties"]!.AsObject())
        {
            var of = member!.AsObject();
            page.Append($"| `{prefix}{name}` | {TypeOf(of)}{(required.Contains(name) ? "" : ", optional")} | {((string?)of["description"])?.Replace("|", "\\|", StringComparison.Ordinal)} |\n");
            var inner = of["items"]?.AsObject() ?? of;
            if (inner["properties"] is not null)
            {
                Rows(page, inner, prefix + name + (of["items"] is null ? "." : "[]."));
            }
        }
    }

    private static string TypeOf(JsonObject schema)
    {
        var type = schema["type"] is JsonArray types ? (string)types[0]! : (string?)schema["type"] ?? "one of its values";
        return (string?)schema["format"] ?? type;
    }

    /// <summary>As GitHub makes one of a heading.</summary>
    private static string Anchor(string name) => name.Replace(".", "", StringComparison.Ordinal);
}
