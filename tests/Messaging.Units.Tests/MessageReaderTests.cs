using System.Text;
using System.Text.Json.Nodes;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Units.Tests;

/// <summary>M6a, M7: a body is a valid event, or malformed with a reason.</summary>
public sealed class MessageReaderTests
{
    private static readonly MessageReader s_reader = new(ShopEvents.Catalog);
    private static readonly MessageReader s_own = new(TestEvents.Catalog);

    public static TheoryData<string> MalformedNames => [.. MalformedMessages.All.Keys];

    public static TheoryData<string> Unusual => [.. MalformedMessages.Unusual.Keys];

    [Theory]
    [MemberData(nameof(MalformedNames))]
    public void A_malformed_message_is_rejected_with_its_reason(string name)
    {
        var (change, reason) = MalformedMessages.All[name];

        var malformed = Malformed(change(MalformedMessages.Valid("tea")));

        Assert.Contains(reason, malformed.Message, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(malformed.Message, char.IsControl);
        Assert.InRange(malformed.Message.Length, 10, 1_000);
    }

    [Theory]
    [MemberData(nameof(Unusual))]
    public void Unusual_but_valid_messages_are_read(string name) =>
        Assert.Equal(name, ((StockReplenished)s_reader.Read(MalformedMessages.Unusual[name](MalformedMessages.Valid(name))).Event).Sku);

    [Theory]
    [InlineData("2026-11-24")]
    [InlineData("2026-11-24T10:13")]
    [InlineData("2026-11-24T10:13:24.123-0200")]
    [InlineData("2026-11-24T10:13:24,5Z")]
    [InlineData("Z")]
    [InlineData(null)]
    public void A_time_without_an_offset_is_malformed(string? time) =>
        Assert.Contains("occurredAt", Malformed(With(m => m["message"]!["occurredAt"] = time)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("2026-11-24T10:13:24Z", "2026-11-24T10:13:24Z")]
    [InlineData("2026-11-24T10:13:24+02:00", "2026-11-24T08:13:24Z")]
    [InlineData("2026-11-24T10:13-03:30", "2026-11-24T13:43:00Z")]
    public void A_time_is_converted_to_UTC(string written, string utc)
    {
        var read = s_reader.Read(With(m => m["message"]!["occurredAt"] = written)).Event.OccurredAt;

        Assert.Equal((DateTimeOffset.Parse(utc, System.Globalization.CultureInfo.InvariantCulture), TimeSpan.Zero), (read, read.Offset));
    }

    [Fact]
    public void The_message_has_the_values_of_its_envelope()
    {
        var envelope = MalformedMessages.Valid("tea");
        envelope["sentTime"] = "2026-11-24T10:13:24Z";
        envelope["message"]!["unknown"] = "kept";

        var read = s_reader.Read(MalformedMessages.Bytes(envelope));

        Assert.Equal((Guid)envelope["messageId"]!, read.EventId);
        Assert.Equal(read.EventId, read.Event.EventId);
        Assert.Equal("inventory.stock-replenished.v1", read.WireName);
        Assert.Equal(new DateTimeOffset(2026, 11, 24, 10, 13, 24, TimeSpan.Zero), read.SentTime);
        Assert.Equal("kept", read.Body.GetProperty("unknown").GetString());
        Assert.Same(ShopEvents.Catalog, s_reader.Events);
    }

    [Theory]
    [InlineData("11111111-0000-7000-8000-000000000001", "22222222-0000-7000-8000-000000000001", "11111111-0000-7000-8000-000000000001")]
    [InlineData(null, "22222222-0000-7000-8000-000000000001", "22222222-0000-7000-8000-000000000001")]
    [InlineData(null, null, null)]
    public void The_correlation_id_falls_back_to_the_conversation_and_then_to_the_event(string? correlation, string? conversation, string? story)
    {
        var body = With(m => (m["correlationId"], m["conversationId"]) = (correlation, conversation));

        var read = s_reader.Read(body);

        Assert.Equal(story is null ? read.EventId : Guid.Parse(story), read.CorrelationId);
    }

    [Theory]
    [InlineData("018f0000-0000-7000-8000-000000000001", true)]
    [InlineData("018f0000-0000-7000-b000-000000000001", true)]
    [InlineData("018f0000-0000-7000-7000-000000000001", false)]
    [InlineData("018f0000-0000-7000-c000-000000000001", false)]
    [InlineData("018f0000-0000-4000-8000-000000000001", false)]
    public void Only_a_UUID_of_version_7_and_the_standard_variant_is_accepted(string id, bool read)
    {
        var body = With(m => (m["messageId"], m["message"]!["eventId"]) = (id, id));

        Assert.Equal(read, Record.Exception(() => s_reader.Read(body)) is null);
    }

    [Fact]
    public void An_unknown_name_is_truncated_and_sanitized()
    {
        var malformed = Malformed(With(m => m["messageType"] = new JsonArray("urn:message:\u001b" + new string('x', 300))));

        Assert.Contains($"'\\u001b{new string('x', 194)}... (301 characters)' is not an event", malformed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_first_message_urn_is_the_wire_name()
    {
        Assert.Contains("names no message type", Malformed(With(m => m["messageType"] = new JsonArray("x-urn:message:a"))).Message, StringComparison.Ordinal);
        Assert.Equal("inventory.stock-replenished.v1",
            s_reader.Read(With(m => m["messageType"] = new JsonArray("urn:x", "urn:message:inventory.stock-replenished.v1", "urn:message:y"))).WireName);
    }

    [Fact]
    public void Any_other_exception_while_reading_means_malformed()
    {
        var id = Guid.CreateVersion7();
        var malformed = Assert.Throws<MalformedMessageException>(() => s_own.Read(Encoding.UTF8.GetBytes(
            $$"""{"messageId":"{{id}}","messageType":["urn:message:test.unreadable.v1"],"message":{"eventId":"{{id}}","size":"m"} }""")));

        Assert.Equal("The body cannot be read: size\\u001b m", malformed.Message);
        Assert.IsType<InvalidOperationException>(malformed.InnerException);
    }

    [Fact]
    public void A_JSON_error_is_the_inner_exception()
    {
        Assert.IsAssignableFrom<System.Text.Json.JsonException>(Malformed("[]"u8.ToArray()).InnerException);
        Assert.StartsWith("The body is not a valid 'inventory.stock-replenished.v1': ", Malformed(With(m => m["message"]!["quantity"] = "x")).Message, StringComparison.Ordinal);
        Assert.Equal("The body is not a valid 'inventory.stock-replenished.v1': quantity is less than 1.", Malformed(With(m => m["message"]!["quantity"] = 0)).Message);
    }

    [Fact]
    public void An_event_is_upcast_to_the_subscribed_version_or_to_none()
    {
        var old = new GrownV1("m");

        Assert.Same(old, s_own.As(old, [typeof(GrownV3), typeof(GrownV1)]));
        Assert.Same(old, s_own.As(old, [typeof(IIntegrationEvent)]));
        Assert.Equal(new GrownV3("m", "1", "cm") { EventId = old.EventId }, s_own.As(old, [typeof(Constrained), typeof(GrownV3)]));
        Assert.Null(s_own.As(old, [typeof(Constrained)]));
        Assert.Null(s_own.As(old, []));
    }

    [Fact]
    public void An_event_whose_upcast_fails_is_malformed()
    {
        var malformed = Assert.Throws<MalformedMessageException>(() => s_own.As(new GrownV1("broken"), [typeof(GrownV2)]));

        Assert.Equal("The event cannot be upcast to the subscribed version: no step\\u001b for it", malformed.Message);
        Assert.IsType<InvalidOperationException>(malformed.InnerException);
    }

    private static MalformedMessageException Malformed(byte[] body) => Assert.Throws<MalformedMessageException>(() => s_reader.Read(body));

    private static byte[] With(Action<JsonObject> change)
    {
        var envelope = MalformedMessages.Valid("tea");
        change(envelope);
        return MalformedMessages.Bytes(envelope);
    }
}
