using System.Text.Json;
using System.Text.Json.Serialization;

namespace Shop.Messaging;

/// <summary>The JSON options of events: part of the contract, the same for publishers and consumers.</summary>
public static class EventJson
{
    /// <summary>
    /// Members in camelCase, enumerations as kebab-case text, numbers as numbers. Reading rejects a missing required member, a null
    /// where none is allowed and duplicate members, and ignores unknown members. <see cref="EventConstraints"/> checks the rest
    /// of the schema.
    /// </summary>
    public static JsonSerializerOptions Options { get; } = Create();

    private static JsonSerializerOptions Create()
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web)
        {
            Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower, allowIntegerValues: false) },
            AllowDuplicateProperties = false,
            NumberHandling = JsonNumberHandling.Strict,
            RespectNullableAnnotations = true,
            RespectRequiredConstructorParameters = true,
        };
        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }
}
