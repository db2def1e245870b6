using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Text.Unicode;
using RabbitMQ.Client;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Operations;

/// <summary>A dead letter with its headers and body, personal data masked and control characters escaped.</summary>
/// <param name="Letter">Its entry in the list.</param>
/// <param name="ContentType">As the sender set it.</param>
/// <param name="Headers">Its headers as text, each truncated to 4,000 characters.</param>
/// <param name="Body">JSON is indented; other text has its control characters escaped. Truncated to 65,536 bytes.</param>
/// <param name="BodyBytes">The body's length.</param>
public sealed record DeadLetterContent(
    DeadLetter Letter, string? ContentType, IReadOnlyDictionary<string, string> Headers, string Body, long BodyBytes)
{
    internal static DeadLetterContent Of(string queue, BasicGetResult message) => new(
        DeadLetter.Of(queue, message),
        message.BasicProperties.ContentType is { } type ? Masking.Text(type) : null,
        (message.BasicProperties.Headers ?? new Dictionary<string, object?>()).GroupBy(header => Masking.Text(header.Key)) // two may be equal once masked
            .OrderBy(header => header.Key, StringComparer.Ordinal)
            .ToDictionary(header => header.Key, header => string.Join(", ", header.Select(one => Masking.Header(one.Key, one.Value)))),
        Masking.Body(message.Body.Span),
        message.Body.Length);
}

/// <summary>Masks personal data, recognized by member names and by the pattern of an e-mail address.</summary>
internal static partial class Masking
{
    private const string Masked = "***";
    private const int MaxHeaderLength = 4_000;
    private const int MaxBodyLength = 64 * 1024;

    // Readable in all languages; control characters are escaped afterwards.
    private static readonly JsonWriterOptions s_json = new() { Indented = true, Encoder = JavaScriptEncoder.Create(UnicodeRanges.All) };

    public static string Body(ReadOnlySpan<byte> body)
    {
        try
        {
            var reader = new Utf8JsonReader(body);
            using var document = JsonDocument.ParseValue(ref reader);
            if (reader.BytesConsumed == body.Length || body[(int)reader.BytesConsumed..].Trim(" \r\n\t"u8).IsEmpty)
            {
                return Cut(Untrusted.Sanitize(Indented(document.RootElement), int.MaxValue, keepLines: true), MaxBodyLength);
            }
        }
        catch (Exception)
        {
            // Not valid JSON: shown as plain text.
        }

        return Cut(Text(Encoding.UTF8.GetString(body[..Math.Min(body.Length, MaxBodyLength)])), MaxBodyLength);
    }

    public static string Header(string name, object? value) =>
        IsPersonal(name) ? Masked : Cut(Text(Readable(value)), MaxHeaderLength);

    /// <summary>The text with addresses masked, and with control and direction characters as \uXXXX.</summary>
    public static string Text(string text) => Untrusted.Sanitize(Address().Replace(text, Masked), int.MaxValue);

    private static string Indented(JsonElement root)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, s_json))
        {
            Write(root, writer);
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static void Write(JsonElement element, Utf8JsonWriter writer)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                writer.WriteStartObject();
                foreach (var member in element.EnumerateObject())
                {
                    writer.WritePropertyName(Address().Replace(member.Name, Masked));
                    if (IsPersonal(member.Name) && member.Value.ValueKind is not JsonValueKind.Null)
                    {
                        writer.WriteStringValue(Masked);
                    }
                    else
                    {
                        Write(member.Value, writer);
                    }
                }

                writer.WriteEndObject();
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                element.EnumerateArray().ToList().ForEach(item => Write(item, writer));
                writer.WriteEndArray();
                break;
            case JsonValueKind.String:
                writer.WriteStringValue(Address().Replace(element.GetString()!, Masked));
                break;
            default:
                element.WriteTo(writer);
                break;
        }
    }

    private static string Readable(object? value) => value switch
    {
        null => "",
        byte[] bytes => Encoding.UTF8.GetString(bytes),
        IDictionary<string, object?> table => $"{{{string.Join(", ", table.Select(pair => $"{pair.Key}: {(IsPersonal(pair.Key) ? Masked : Readable(pair.Value))}"))}}}",
        IEnumerable<object?> list => $"[{string.Join(", ", list.Select(Readable))}]",
        AmqpTimestamp { UnixTime: >= 0 and <= DeadLetter.LastSecond } time => DateTimeOffset.FromUnixTimeSeconds(time.UnixTime).ToString("u", CultureInfo.InvariantCulture),
        AmqpTimestamp time => time.UnixTime.ToString(CultureInfo.InvariantCulture),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "",
    };

    private static string Cut(string text, int most) => text.Length <= most ? text : $"{text[..most]}... ({text.Length - most} more)";

    private static bool IsPersonal(string name) => Personal().IsMatch(name);

    [GeneratedRegex("customer|email|e-mail|phone|address|recipient|contact|firstname|lastname|fullname|^name$|password|secret|token|authorization|cookie",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Personal();

    [GeneratedRegex(@"[^\s@<>""',;:()\[\]{}]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,8}", RegexOptions.CultureInvariant)]
    private static partial Regex Address();
}
