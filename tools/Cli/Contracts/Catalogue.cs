using System.Text;
using System.Text.Json.Nodes;
using Shop.Cli.Topology;
using Shop.Contracts;
using Shop.Messaging;
using Shop.Operations;

namespace Shop.Cli.Contracts;

/// <summary>Which service publishes and which consumes each event: a page for people, from the services' AsyncAPI documents.</summary>
internal static class Catalogue
{
    public const string Page = "docs/events.md";

    /// <summary>The page.</summary>
    /// <param name="schemas">All events' schemas, by wire name.</param>
    public static async Task<string> DeriveAsync(IReadOnlyDictionary<string, JsonObject> schemas, CancellationToken ct)
    {
        var documents = await Task.WhenAll(ShopServices.Projects.Select(async service =>
            (Name: service, Document: await ServiceTopologies.AskAsync(service, "asyncapi", ct))));
        return Text(documents, schemas);
    }

    private static string Text((string Name, JsonObject Document)[] services, IReadOnlyDictionary<string, JsonObject> schemas)
    {
        var page = new StringBuilder("""
            # Events

            Which service publishes and which consumes each event. `./shop contracts write` derives this page from the contracts and from what each
            service registers; a test keeps it up to date. How events change: [contracts.md](contracts.md). Each service serves the same for
            machines, as an AsyncAPI 3.0 document, at `/asyncapi/v1.json`.


            """);
        page.Append("| event | ").AppendJoin(" | ", services.Select(service => service.Name)).Append(" |\n|---|")
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
        .Select(operation => (string)operation.Value!["action"]! == "send" ? "**publishes**" : $"`{operation.Key["receive.".Length..]}`"));

    private static void Describe(StringBuilder page, string name, JsonObject schema)
    {
        page.Append($"\n## {name}\n\n{schema["description"]}\n\n");
        if (ShopEvents.Catalog.NewerThan(ShopEvents.Catalog.TypeOf(name)!) is { } newer)
        {
            page.Append($"Superseded by [{ShopEvents.Catalog.NameOf(newer)}](#{Anchor(ShopEvents.Catalog.NameOf(newer))}), and published under the same event id while it is still consumed.\n\n");
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
