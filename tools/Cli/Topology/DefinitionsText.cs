using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Shop.Cli.Topology;

/// <summary>Definitions as text, one object a line: a change of the topology is a change of these lines.</summary>
internal static class DefinitionsText
{
    private static readonly JsonSerializerOptions s_plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Of(JsonObject definitions) => "{\n" + string.Join(",\n", definitions.Select(category =>
        $"  \"{category.Key}\": [\n"
        + string.Join(",\n", category.Value!.AsArray().Select(item => "    " + item!.ToJsonString(s_plain)))
        + "\n  ]")) + "\n}\n";
}
