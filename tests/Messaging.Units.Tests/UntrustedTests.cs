using System.Text;
using System.Text.Json;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Units.Tests;

/// <summary>Untrusted headers: read where they have the expected type, absent otherwise; text is sanitized.</summary>
public sealed class UntrustedTests
{
    private const int Longest = 16 * 1024;

    public static TheoryData<object?, string?> Texts => new()
    {
        { "text", "text" },
        { "grün"u8.ToArray(), "grün" },
        { new byte[] { 0xff }, "\ufffd" },
        { new string('x', Longest), new string('x', Longest) },
        { Encoding.UTF8.GetBytes(new string('x', Longest)), new string('x', Longest) },
        { new string('x', Longest + 1), null },
        { new byte[Longest + 1], null },
        { 5, null },
        { null, null },
    };

    [Theory]
    [MemberData(nameof(Texts))]
    public void Text_is_a_string_or_UTF_8_of_up_to_16_KiB(object? value, string? text)
    {
        Assert.Equal(text, Untrusted.Text(new Dictionary<string, object?> { ["name"] = value }, "name"));
        Assert.Null(Untrusted.Text(new Dictionary<string, object?> { ["name"] = value }, "other"));
        Assert.Null(Untrusted.Text(null, "name"));
    }

    public static TheoryData<object?, int?> Counts => new()
    {
        { (sbyte)1, 1 }, { (byte)2, 2 }, { (short)3, 3 }, { (ushort)4, 4 }, { 5, 5 }, { 6u, 6 }, { 7L, 7 },
        { 0, 0 }, { int.MaxValue, int.MaxValue }, { (long)int.MaxValue, int.MaxValue },
        { -1, null }, { (sbyte)-1, null }, { uint.MaxValue, null }, { 1L << 31, null }, { long.MaxValue, null }, { long.MinValue, null },
        { "1", null }, { 1.0, null }, { true, null }, { null, null },
    };

    [Theory]
    [MemberData(nameof(Counts))]
    public void A_count_is_an_integer_of_any_type_from_0_to_the_largest_int(object? value, int? count)
    {
        Assert.Equal(count, Untrusted.Count(new Dictionary<string, object?> { ["name"] = value }, "name"));
        Assert.Null(Untrusted.Count(new Dictionary<string, object?> { ["name"] = value }, "other"));
        Assert.Null(Untrusted.Count(null, "name"));
    }

    [Theory]
    [InlineData(null, "")]
    [InlineData("", "")]
    [InlineData("plain 1 Grüße", "plain 1 Grüße")]
    [InlineData("\U0001FAD6", "\U0001FAD6")]
    [InlineData("a\nb\rc\td", "a\\u000ab\\u000dc\\u0009d")]
    [InlineData("\u001b[2J\0", "\\u001b[2J\\u0000")]
    [InlineData("a\u202eb\u200bc", "a\\u202eb\\u200bc")]
    [InlineData("a\u2028b\u2029c", "a\\u2028b\\u2029c")]
    public void Control_and_format_characters_are_escaped(string? text, string shown) => Assert.Equal(shown, Untrusted.Sanitize(text));

    [Fact]
    public void Line_breaks_are_kept_on_request_and_no_other_control_character() =>
        Assert.Equal("a\nb\r\\u0009", Untrusted.Sanitize("a\nb\r\t", keepLines: true));

    [Theory]
    [InlineData("12345", "12345")]
    [InlineData("123456", "12345... (6 characters)")]
    [InlineData("\0\0\0", "\\u0000... (3 characters)")]
    public void Long_text_is_truncated_with_its_original_length(string text, string shown) => Assert.Equal(shown, Untrusted.Sanitize(text, 5));

    [Fact]
    public void A_JSON_error_has_no_class_name() => Assert.StartsWith(
        "The JSON value could not be converted to the type in the schema. Path: $ ",
        JsonFault.Of(Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<int>("\"x\""))), StringComparison.Ordinal);

    [Theory]
    [InlineData("The JSON value could not be converted to System.Int32. Path: $.a", "The JSON value could not be converted to the type in the schema. Path: $.a")]
    [InlineData("The JSON value could not be converted to System.Nullable`1[System.Guid]. Path: $", "The JSON value could not be converted to the type in the schema. Path: $")]
    [InlineData("could not be converted to Shop.Any.Type", "could not be converted to the type in the schema")]
    [InlineData("could not be converted to Shop.Any.Type.", "could not be converted to the type in the schema.")]
    [InlineData("JSON deserialization for type 'Shop.Order+Line' was missing", "JSON deserialization was missing")]
    [InlineData("A member of type 'Shop.Order' twice", "A member twice")]
    [InlineData("Null during deserialization of type 'Shop.Order'.", "Null.")]
    [InlineData("It is up to you. \u001b", "It is up to you. \\u001b")]
    public void Class_names_are_removed_from_a_JSON_error(string message, string shown) =>
        Assert.Equal(shown, JsonFault.Of(new JsonException(message)));
}
