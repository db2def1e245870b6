using System.Globalization;
using System.Text;
using System.Text.Json;
using Shop.Messaging;

namespace Shop.ServiceDefaults.Http;

/// <summary>Checks JSON for what the serializer accepts but no endpoint should. Errors contain the JSON path as the caller wrote it.</summary>
internal static class JsonCheck
{
    /// <summary>The first violation, or null. Invalid JSON is left to the deserializer.</summary>
    public static string? Violation(ReadOnlySpan<byte> json)
    {
        if (json.StartsWith(Encoding.UTF8.Preamble))
        {
            json = json[Encoding.UTF8.Preamble.Length..];
        }

        var reader = new Utf8JsonReader(json);
        var open = new Stack<Container>();
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType == JsonTokenType.PropertyName)
                {
                    open.Push(open.Pop() with { Name = (int)reader.TokenStartIndex });
                }

                if (FindViolation(ref reader, inList: open.TryPeek(out var container) && container.IsList) is { } violation)
                {
                    return $"{PathOf(open, json)} {violation}";
                }

                Follow(reader.TokenType, open);
            }
        }
        catch (JsonException)
        {
            return null;
        }

        return null;
    }

    private static string? FindViolation(ref Utf8JsonReader reader, bool inList)
    {
        if (reader.TokenType == JsonTokenType.Null && inList)
        {
            return "is null: lists must not contain null.";
        }

        if (reader.TokenType == JsonTokenType.Number)
        {
            return ExactDecimal.IsExact(reader.ValueSpan) ? null : "is a number that cannot be stored exactly: it has more than 28 digits, or too large an exponent.";
        }

        if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.PropertyName) || !reader.ValueIsEscaped)
        {
            return null;
        }

        try
        {
            return reader.GetString()!.Contains('\0', StringComparison.Ordinal) ? "contains a NUL character, which is not allowed." : null;
        }
        catch (InvalidOperationException)
        {
            return "contains a lone surrogate, which is not a valid character.";
        }
    }

    private static void Follow(JsonTokenType token, Stack<Container> open)
    {
        if (token is JsonTokenType.EndArray or JsonTokenType.EndObject)
        {
            open.Pop();
        }

        if (token is JsonTokenType.StartArray or JsonTokenType.StartObject)
        {
            open.Push(new Container(token == JsonTokenType.StartArray, 0, null));
        }
        else if (token != JsonTokenType.PropertyName && open.TryPeek(out var container) && container.IsList)
        {
            open.Push(open.Pop() with { Index = container.Index + 1 });
        }
    }

    private static string PathOf(Stack<Container> open, ReadOnlySpan<byte> json)
    {
        var path = new StringBuilder();
        foreach (var container in open.Reverse())
        {
            if (container.IsList)
            {
                path.Append(CultureInfo.InvariantCulture, $"[{container.Index}]");
            }
            else if (container.Name is { } start)
            {
                path.Append(path.Length > 0 ? "." : "").Append(NameAt(json[start..]));
            }
        }

        return path.Length > 0 ? path.ToString() : "The body";
    }

    // As it is written, with escapes.
    private static string NameAt(ReadOnlySpan<byte> json)
    {
        var length = 1;
        while (json[length] != '"')
        {
            length += json[length] == '\\' ? 2 : 1;
        }

        return Encoding.UTF8.GetString(json[1..length]);
    }

    /// <summary>The reader's position in a list or an object.</summary>
    /// <param name="IsList">Whether it is a list.</param>
    /// <param name="Index">In a list, the item's index.</param>
    /// <param name="Name">In an object, where the member's name begins.</param>
    private readonly record struct Container(bool IsList, int Index, int? Name);
}
