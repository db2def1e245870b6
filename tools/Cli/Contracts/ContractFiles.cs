using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Shop.Cli.Contracts;

/// <summary>What is committed of the contracts.</summary>
/// <param name="Schemas">By wire name.</param>
/// <param name="Examples">The recorded messages, by path below contracts/examples.</param>
/// <param name="Retired">Events that are no longer consumed and may be removed.</param>
/// <param name="Consumers">Who consumes what.</param>
internal sealed record ContractFiles(
    IReadOnlyDictionary<string, JsonObject> Schemas,
    IReadOnlyDictionary<string, string> Examples,
    IReadOnlySet<string> Retired,
    EventConsumers Consumers)
{
    public const string SchemaFolder = "contracts/schemas/";
    public const string ExampleFolder = "contracts/examples/";
    public const string RetiredFile = "contracts/retired.txt";

    private static readonly JsonSerializerOptions s_written = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static string SchemaPath(string name) => $"{SchemaFolder}{name}.json";

    public static string Text(JsonNode json) => json.ToJsonString(s_written) + "\n";

    /// <summary>Reads them from a work tree.</summary>
    public static ContractFiles Read(string repository) => Of(
        from folder in (string[])["contracts/schemas", "contracts/examples"]
        where Directory.Exists(Path.Combine(repository, folder))
        from file in Directory.EnumerateFiles(Path.Combine(repository, folder), "*.json", SearchOption.AllDirectories)
            .Concat(new[] { RetiredFile, RabbitMqDefinitions.RelativePath }.Select(path => Path.Combine(repository, path)).Where(File.Exists))
        select (Path.GetRelativePath(repository, file).Replace('\\', '/'), File.ReadAllText(file)));

    /// <summary>Of files by their path from the repository's root.</summary>
    public static ContractFiles Of(IEnumerable<(string Path, string Text)> files)
    {
        var all = files.DistinctBy(file => file.Path).ToList();
        var schemas = all.Where(file => file.Path.StartsWith(SchemaFolder, StringComparison.Ordinal))
            .ToDictionary(file => Path.GetFileNameWithoutExtension(file.Path), file => JsonNode.Parse(file.Text)!.AsObject());
        return new ContractFiles(
            schemas,
            all.Where(file => file.Path.StartsWith(ExampleFolder, StringComparison.Ordinal))
                .ToDictionary(file => file.Path[ExampleFolder.Length..], file => file.Text),
            all.Where(file => file.Path == RetiredFile).SelectMany(file => file.Text.Split('\n'))
                .Select(line => line.Split('#')[0].Trim()).Where(line => line.Length > 0).ToHashSet(),
            EventConsumers.From(all.Where(file => file.Path == RabbitMqDefinitions.RelativePath)
                .Select(file => JsonNode.Parse(file.Text)!.AsObject()).FirstOrDefault(), schemas.Keys));
    }
}
