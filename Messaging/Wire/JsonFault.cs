using System.Text.Json;
using System.Text.RegularExpressions;

namespace Shop.Messaging.Wire;

/// <summary>The serializer's error message without CLR type names.</summary>
internal static partial class JsonFault
{
    public static string Of(JsonException e) => Untrusted.Sanitize(OfType().Replace(ToType().Replace(e.Message, " to the type in the schema"), ""));

    [GeneratedRegex(@" to (?:[A-Z]\w*\.)+[^\s]*[^\s.](?=\. |\.?$)")]
    private static partial Regex ToType();

    [GeneratedRegex(@" (?:for|of|during deserialization of) type '[^']*'")]
    private static partial Regex OfType();
}
