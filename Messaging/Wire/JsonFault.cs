using System.Text.Json;
using System.Text.RegularExpressions;

namespace Shop.Messaging.Wire;

/// <summary>What the serializer says is wrong, for a reader who does not know this service's classes.</summary>
internal static partial class JsonFault
{
    public static string Of(JsonException e) => Untrusted.Shown(OfType().Replace(ToType().Replace(e.Message, " into what the schema says"), ""));

    [GeneratedRegex(@" to (?:[A-Z]\w*\.)+[^\s]*[^\s.](?=\. |\.?$)")]
    private static partial Regex ToType();

    [GeneratedRegex(@" (?:for|of|during deserialization of) type '[^']*'")]
    private static partial Regex OfType();
}
