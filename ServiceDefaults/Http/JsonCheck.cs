using System.Globalization;
using System.Text;
using System.Text.Json;
using Shop.Messaging;

namespace Shop.ServiceDefaults.Http;

/// <summary>What the serializer accepts in JSON and no route does. Places are named by their path, as the caller wrote it.</summary>
internal static class JsonCheck
{
    /// <summary>The first thing that is wrong, or null. What is no JSON at all is left to whoever reads it.</summary>
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

                if (WhatIsWrong(ref reader, inList: open.TryPeek(out var container) && container.IsList) is { } wrong)
                {
                    return $"{PathOf(open, json)} {wrong}";
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

    private static string? WhatIsWrong(ref Utf8JsonReader reader, bool inList)
    {
        if (reader.TokenType == JsonTokenType.Null && inList)
        {
            return "is null: a list has no null in it.";
        }

        if (reader.TokenType == JsonTokenType.Number)
        {
            return ExactDecimal.IsExact(reader.ValueSpan) ? null : "is a number that cannot be kept as it is: it has more than 28 digits, or too large a power of ten.";
        }

        if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.PropertyName) || !reader.ValueIsEscaped)
        {
            return null;
        }

        try
        {
            return reader.GetString()!.Contains('\0', StringComparison.Ordinal) ? "has a NUL character, which no text may have." : null;
        }
        catch (InvalidOperationException)
        {
            return "has half of a surrogate pair, which is no character.";
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

    // As it is written, escapes and all.
    private static string NameAt(ReadOnlySpan<byte> json)
    {
        var length = 1;
        while (json[length] != '"')
        {
            length += json[length] == '\\' ? 2 : 1;
        }

        return Encoding.UTF8.GetString(json[1..length]);
    }

    /// <summary>A list or an object that the reader is in, and where in it.</summary>
    /// <param name="IsList">Whether it is a list.</param>
    /// <param name="Index">In a list, the item's place.</param>
    /// <param name="Name">In an object, where the member's name begins.</param>
    private readonly record struct Container(bool IsList, int Index, int? Name);
}
