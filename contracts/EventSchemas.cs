using System.Reflection;

namespace Shop.Contracts;

/// <summary>The JSON Schema and the recorded messages of each event, as they are in this package.</summary>
public static class EventSchemas
{
    private static readonly Assembly s_assembly = typeof(EventSchemas).Assembly;

    /// <summary>The schema's identifier, which messages name as their <c>dataschema</c>.</summary>
    public static string IdOf(string wireName) => $"urn:shop:schema:{wireName}";

    /// <summary>The schema of an event, as JSON; null where this package has none of this name.</summary>
    public static string? Of(string wireName) => Read($"schemas/{wireName}.json");

    /// <summary>Messages of this type as they were recorded, as JSON, in the order of their names.</summary>
    public static IReadOnlyList<string> ExamplesOf(string wireName) =>
    [
        .. s_assembly.GetManifestResourceNames().Where(name => name.StartsWith($"examples/{wireName}/", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal).Select(name => Read(name)!),
    ];

    private static string? Read(string name)
    {
        using var stream = s_assembly.GetManifestResourceStream(name);
        if (stream is null)
        {
            return null;
        }

        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
