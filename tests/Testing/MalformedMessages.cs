using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging;

namespace Shop.Testing;

/// <summary>Messages from an untrusted sender: malformed ones, and valid ones that are unusual.</summary>
public static class MalformedMessages
{
    /// <summary>Each makes a valid message malformed; beside it what the reason must contain.</summary>
    public static IReadOnlyDictionary<string, (Func<JsonObject, byte[]> Change, string Reason)> All { get; } = new Dictionary<string, (Func<JsonObject, byte[]>, string)>
    {
        ["messageType begins with null"] = (With(e => e["messageType"]!.AsArray().Insert(0, null)), "messageType holds a null"),
        ["messageType ends with null"] = (With(e => e["messageType"]!.AsArray().Add(null)), "messageType holds a null"),
        ["messageType is null"] = (With(e => e["messageType"] = null), "names no message type"),
        ["messageType is empty"] = (With(e => e["messageType"] = new JsonArray()), "names no message type"),
        ["messageType is text"] = (With(e => e["messageType"] = "urn:message:inventory.stock-replenished.v1"), "not a message envelope"),
        ["messageType holds a number"] = (With(e => e["messageType"] = new JsonArray(5)), "not a message envelope"),
        ["messageType holds an object"] = (With(e => e["messageType"] = new JsonArray(new JsonObject())), "not a message envelope"),
        ["messageType is unknown and hostile"] = (With(e => e["messageType"] = new JsonArray("urn:message:\u001b[2J\n" + new string('x', 5_000))), "is not an event"),
        ["messageId is junk"] = (With(e => e["messageId"] = "junk"), "messageId"),
        ["messageId is a number"] = (With(e => e["messageId"] = 5), "messageId"),
        ["messageId is null"] = (With(e => e["messageId"] = null), "has no id"),
        ["messageId is empty"] = (WithId(Guid.Empty), "not a UUID of version 7"),
        ["messageId is random"] = (WithId(Guid.Parse("6f9619ff-8b86-4011-b42d-00c04fc964ff")), "not a UUID of version 7"),
        ["messageId is another's"] = (With(e => e["messageId"] = Guid.CreateVersion7()), "differs from its event's"),
        ["correlationId is junk"] = (With(e => e["correlationId"] = "junk"), "correlationId"),
        ["messageId is duplicated"] = (Text(t => t.Replace("{\"messageId\"", "{\"messageId\":\"018f0000-0000-7000-8000-000000000001\",\"messageId\"", StringComparison.Ordinal)), "uplicate"),
        ["sku is duplicated"] = (Text(t => t.Replace("\"sku\":", "\"sku\":\"x\",\"sku\":", StringComparison.Ordinal)), "uplicate"),
        ["sku is duplicated in other case"] = (Text(t => t.Replace("\"sku\":", "\"SKU\":\"x\",\"sku\":", StringComparison.Ordinal)), "uplicate"),
        ["sku is null"] = (WithEvent(m => m["sku"] = null), "sku"),
        ["sku is missing"] = (WithEvent(m => m.Remove("sku")), "sku"),
        ["sku is empty"] = (WithEvent(m => m["sku"] = ""), "sku is empty"),
        ["sku is a number"] = (WithEvent(m => m["sku"] = 7), "sku"),
        ["sku holds U+0000"] = (WithEvent(m => m["sku"] = "a\0b"), "U+0000"),
        ["sku has a lone surrogate"] = (Text(t => t.Replace("\"sku\":\"", "\"sku\":\"\\ud800", StringComparison.Ordinal)), "surrogate"),
        ["an unknown member holds U+0000"] = (WithEvent(m => m["unknown"] = new JsonArray(new JsonObject { ["x"] = "\0" })), "U+0000"),
        ["an unknown member is called U+0000"] = (WithEvent(m => m["\0"] = 1), "U+0000"),
        ["a number is below its least"] = (WithEvent(m => m["productVersion"] = 0), "productVersion is less than 1"),
        ["a number is too large"] = (WithEvent(m => m["productVersion"] = 3_000_000_000), "productVersion"),
        ["a number is text"] = (WithEvent(m => m["productVersion"] = "1"), "productVersion"),
        ["a time has no offset"] = (WithEvent(m => m["occurredAt"] = "2026-11-24T10:13:24"), "occurredAt"),
        ["a time is not a time"] = (WithEvent(m => m["occurredAt"] = "yesterday"), "occurredAt"),
        ["the message is a list"] = (With(e => e["message"] = new JsonArray()), "has no message"),
        ["the message is missing"] = (With(e => e.Remove("message")), "has no message"),
        ["the body is null"] = (_ => "null"u8.ToArray(), "null"),
        ["the body is a list"] = (_ => "[]"u8.ToArray(), "not a message envelope"),
        ["the body is empty"] = (_ => [], "not a message envelope"),
        ["the body is not UTF-8"] = (e => [.. Bytes(e), 0xff, 0xfe], "not valid UTF-8"),
        ["the body ends early"] = (e => Bytes(e)[..^5], "not a message envelope"),
        ["the body goes on"] = (e => [.. Bytes(e), (byte)'}'], "not a message envelope"),
        ["the body is deep"] = (Text(t => t.Replace("\"sku\":", $"\"unknown\":{Nested(100)},\"sku\":", StringComparison.Ordinal)), "depth"),
        ["the message is null"] = (With(e => e["message"] = null), "has no message"),
        ["the message is a number"] = (With(e => e["message"] = 7), "has no message"),
        ["the message is text"] = (With(e => e["message"] = "x"), "has no message"),
        ["the message is deep"] = (Text(t => t.Replace("\"sku\":", $"\"unknown\":{Nested(1_000)},\"sku\":", StringComparison.Ordinal)), "depth"),
        ["messageType is an object"] = (With(e => e["messageType"] = new JsonObject { ["urn"] = "x" }), "not a message envelope"),
        ["messageType holds a list"] = (With(e => e["messageType"] = new JsonArray(new JsonArray("urn:message:inventory.stock-replenished.v1"))), "not a message envelope"),
        ["messageType is in capitals"] = (With(e => e["messageType"] = new JsonArray("URN:MESSAGE:INVENTORY.STOCK-REPLENISHED.V1")), "names no message type"),
        ["messageType is of a future version"] = (With(e => e["messageType"] = new JsonArray("urn:message:inventory.stock-replenished.v99")), "is not an event"),
        ["messageType ends with a blank"] = (With(e => e["messageType"] = new JsonArray("urn:message:inventory.stock-replenished.v1 ")), "is not an event"),
        ["messageId has braces"] = (With(e => e["messageId"] = $"{{{e["messageId"]}}}"), "messageId"),
        ["correlationId is empty"] = (With(e => e["correlationId"] = ""), "correlationId"),
        ["sentTime is not a time"] = (With(e => e["sentTime"] = "yesterday"), "sentTime"),
        ["a name with an escape is duplicated"] = (Text(t => t.Replace("\"messageId\"", "\"\\u006dessageId\":\"018f0000-0000-7000-8000-000000000001\",\"messageId\"", StringComparison.Ordinal)), "uplicate"),
        ["a number that no double holds"] = (Raw("productVersion", "1e400"), "productVersion"),
        ["a number next to nothing"] = (Raw("productVersion", "1e-400"), "productVersion"),
        ["a number of 30 digits"] = (Raw("productVersion", "123456789012345678901234567890"), "productVersion"),
        ["a number with a decimal point"] = (Raw("productVersion", "1.0"), "productVersion"),
        ["a leap second"] = (WithEvent(m => m["occurredAt"] = "2026-06-30T23:59:60Z"), "occurredAt"),
        ["an offset of more than 14 hours"] = (WithEvent(m => m["occurredAt"] = "2026-11-28T10:00:00+14:01"), "occurredAt"),
        ["an offset without a colon"] = (WithEvent(m => m["occurredAt"] = "2026-11-28T10:00:00+0100"), "occurredAt"),
        ["a time before the year 1"] = (WithEvent(m => m["occurredAt"] = "0001-01-01T00:00:00+14:00"), "occurredAt"),
        ["a time after the year 9999"] = (WithEvent(m => m["occurredAt"] = "9999-12-31T23:59:59-14:00"), "occurredAt"),
        ["the body begins with a byte order mark"] = (e => [0xef, 0xbb, 0xbf, .. Bytes(e)], "not a message envelope"),
        ["the body is UTF-16"] = (e => [0xff, 0xfe, .. Encoding.Unicode.GetBytes(e.ToJsonString())], "not valid UTF-8"),
        ["the body is text in JSON"] = (e => Encoding.UTF8.GetBytes(JsonValue.Create(e.ToJsonString())!.ToJsonString()), "not a message envelope"),
        ["the body is a byte larger than is read"] = (e => [.. Bytes(e), .. Enumerable.Repeat((byte)' ', (1024 * 1024) + 1 - Bytes(e).Length)], "bytes"),
        ["the body is large"] = (WithEvent(m => m["unknown"] = new string('x', 2_000_000)), "bytes"),
    };

    /// <summary>The negative control: unusual but valid messages.</summary>
    public static IReadOnlyDictionary<string, Func<JsonObject, byte[]>> Unusual { get; } = new Dictionary<string, Func<JsonObject, byte[]>>
    {
        ["as it is"] = Bytes,
        ["unknown members"] = With(e => (e["message"]!["unknown"], e["host"]) = (JsonNode.Parse(Nested(20)), new JsonObject())),
        ["the first of all times"] = WithEvent(m => m["occurredAt"] = "0001-01-01T00:00:00Z"),
        ["the last of all times"] = WithEvent(m => m["occurredAt"] = "9999-12-31T23:59:59.9999999Z"),
        ["blanks around it"] = Text(t => $"\r\n {t} \r\n"),
        ["as large as may be"] = e => [.. Bytes(e), .. Enumerable.Repeat((byte)' ', (1024 * 1024) - Bytes(e).Length)],
        ["a name with an escape"] = Text(t => t.Replace("\"messageId\"", "\"\\u006dessageId\"", StringComparison.Ordinal)),
        ["another offset"] = WithEvent(m => m["occurredAt"] = "2026-11-24T10:13:24.5+02:00"),
        ["long ago"] = WithEvent(m => m["occurredAt"] = "1970-01-01T00:00:00Z"),
        ["a byte more than ASCII"] = WithEvent(m => m["unknown"] = "Grüße 🫖"),
        ["several types"] = With(e => e["messageType"]!.AsArray().Insert(0, "urn:other:thing")),
    };

    /// <summary>A valid message.</summary>
    /// <param name="sku">Identifies it in a test.</param>
    public static JsonObject Valid(string sku)
    {
        var now = TimeProvider.System.GetUtcNow();
        var @event = new StockReplenished(Guid.CreateVersion7(now), now, sku, 1, 1, 1);
        return new JsonObject
        {
            ["messageId"] = @event.EventId,
            ["conversationId"] = @event.EventId,
            ["messageType"] = new JsonArray("urn:message:" + ShopEvents.Catalog.NameOf(typeof(StockReplenished))),
            ["message"] = JsonSerializer.SerializeToNode(@event, EventJson.Options),
        };
    }

    /// <summary>The body of a message.</summary>
    public static byte[] Bytes(JsonNode envelope) => JsonSerializer.SerializeToUtf8Bytes(envelope);

    private static Func<JsonObject, byte[]> With(Action<JsonObject> change) => envelope =>
    {
        change(envelope);
        return Bytes(envelope);
    };

    private static Func<JsonObject, byte[]> WithEvent(Action<JsonObject> change) => With(envelope => change(envelope["message"]!.AsObject()));

    private static Func<JsonObject, byte[]> WithId(Guid id) => With(envelope => (envelope["messageId"], envelope["message"]!["eventId"]) = (id, id));

    private static Func<JsonObject, byte[]> Text(Func<string, string> change) =>
        envelope => Encoding.UTF8.GetBytes(change(envelope.ToJsonString()));

    private static Func<JsonObject, byte[]> Raw(string member, string json) => envelope =>
    {
        envelope["message"]![member] = "@raw@";
        return Encoding.UTF8.GetBytes(envelope.ToJsonString().Replace("\"@raw@\"", json, StringComparison.Ordinal));
    };

    private static string Nested(int depth) => new string('[', depth) + new string(']', depth);
}
