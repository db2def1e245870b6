using System.Text.Json;
using System.Text.Json.Serialization;

namespace Shop.Messaging;

/// <summary>How events look as JSON: part of the contract, the same for whoever writes and whoever reads.</summary>
public static class EventJson
{
    /// <summary>
    /// Members in camelCase, enumerations as kebab-case text, numbers as numbers. Reading refuses a missing required member, a null
    /// where none may be and a member that is there twice, and ignores what it does not know. <see cref="EventPromises"/> checks the rest
    /// of what the schema says.
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
