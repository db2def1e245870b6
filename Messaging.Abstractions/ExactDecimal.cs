using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Shop.Messaging;

/// <summary>
/// Reads a decimal without loss or fails. The default converter rounds what a decimal cannot hold: 1e-400 becomes 0, a 29th digit is dropped.
/// </summary>
public sealed class ExactDecimal : JsonConverter<decimal>
{
    /// <inheritdoc />
    public override decimal Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.Number && reader.TryGetDecimal(out var number) && Holds(number, reader.ValueSpan)
            ? number
            : throw new JsonException(); // the serializer adds the member's path

    /// <inheritdoc />
    public override void Write(Utf8JsonWriter writer, decimal value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.WriteNumberValue(value);
    }

    /// <summary>Whether a decimal holds a JSON number exactly.</summary>
    /// <param name="json">The number, as it is written.</param>
    public static bool IsExact(ReadOnlySpan<byte> json) =>
        decimal.TryParse(json, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && Holds(number, json);

    private static bool Holds(decimal number, ReadOnlySpan<byte> json)
    {
        Span<byte> text = stackalloc byte[32];
        return number.TryFormat(text, out var length, default, CultureInfo.InvariantCulture)
            && Digits(text[..length]) is { } held && Digits(json) is { } written && held == written;
    }

    /// <summary>The digits between the first and the last that are not 0, and the power of ten of the last; null where the exponent is out of range.</summary>
    private static (string Digits, long Power)? Digits(ReadOnlySpan<byte> number)
    {
        var power = 0L;
        if (number.IndexOfAny((byte)'e', (byte)'E') is >= 0 and var e)
        {
            if (!long.TryParse(number[(e + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out power) || Math.Abs(power) > int.MaxValue)
            {
                return null;
            }

            number = number[..e];
        }

        number = number.TrimStart((byte)'-');
        var point = number.IndexOf((byte)'.');
        power -= point < 0 ? 0 : number.Length - point - 1;
        var digits = Encoding.ASCII.GetString(number).Replace(".", "", StringComparison.Ordinal).TrimStart('0');
        var significant = digits.TrimEnd('0');
        return significant.Length == 0 ? ("", 0) : (significant, power + digits.Length - significant.Length);
    }
}
