namespace Shop.Testing;

/// <summary>What is put where something else is expected.</summary>
internal static class HostileValues
{
    private static readonly string s_long = new('x', 10_000);

    /// <summary>Replaces a JSON value literally.</summary>
    public static readonly IReadOnlyList<string> Json =
    [
        "null", "true", "0", "-1", "-0.0", "0.1", "1e2", "1e308", "1e400", "-1e400", "2147483648", "9223372036854775808",
        "79228162514264337593543950336", "0.00000000000000000000000000000000001", "123456789012345678901234567890", "NaN", "1e-400", "1.0", "-0", "1.00000000000000000000000000001",
        "\"\"", "\" \"", "\"1\"", "\"\\u0000\"", "\"a\\u0000b\"", "\"\\ud800\"", "\"\\udc00\\ud800\"", "\"\\u001b[2J\\r\\n\"", "\"\\u202e\\u2028\"",
        "\"\U0001F375\"", "\"'; DROP TABLE orders; --\"", "\"{{7*7}}${jndi:ldap://x}%s%n\"", "\"../../etc/passwd\"", $"\"{s_long}\"",
        "\"9999-12-31T23:59:59Z\"", "\"00000000-0000-0000-0000-000000000000\"",
        "[]", "[null]", "[[]]", "[{}]", "{}", "{\"a\":null}", "{\"$ref\":\"#\"}", "{\"$type\":\"System.Object\"}",
    ];

    /// <summary>In the place of a whole body.</summary>
    public static readonly IReadOnlyList<string> Bodies =
    [
        "", " ", "null", "[]", "[null]", "0", "\"text\"", "{", "}", "{\"a\"", "{\"a\":}", "{'a':1}", "{\"a\":1,}", "{} {}", "/**/{}", "\uFEFF{}",
        "{\"\\ud800\":1}", "{\"\\u0000\":1}", "{\"\":1}", "{\"__proto__\":{}}", "{\"$id\":\"1\"}", "{\"unknown\":1}", "\u0000",
        new string('[', 200) + new string(']', 200), string.Concat(Enumerable.Repeat("{\"a\":", 200)) + "1" + new string('}', 200),
        $"{{\"{s_long}\":1}}", $"\"{new string('x', 70_000)}\"",
    ];

    /// <summary>In the place of a path's or a query's parameter, encoded already.</summary>
    public static readonly IReadOnlyList<string> Parameters =
    [
        "null", "true", "0", "-1", "1.5", "1e400", "2000000000", "2147483648", "99999999999999999999", "%20", "%00", "a%00b", "%ED%A0%80", "%FF",
        "%1B%5B2J%0D%0A", "%E2%80%AE", "%F0%9F%8D%B5", "%27%3B%20DROP%20TABLE%20x%3B--", "%25s%25n", "..%2F..%2Fetc", "%2F", "a%3Fb%23c",
        "00000000-0000-0000-0000-000000000000", "0001-01-01", "9999-12-31", "2026-02-30", "YQ", "AAAA", "%7B018f6f3e-7c1a-7d1e-8a55-3a9c1f2e4b5d%7D",
        "urn:uuid:018f6f3e-7c1a-7d1e-8a55-3a9c1f2e4b5d", "018F6F3E7C1A7D1E8A553A9C1F2E4B5D", "x;a=b", "%25%30%30", "%D9%A1", "%2B1", "%C0%AF", "%", "1%0D%0AX:y", "%2A", new string('x', 3_000), s_long,
    ];

    /// <summary>Content types of a good body, and the status where it is certain.</summary>
    public static readonly IReadOnlyList<(string? Type, int? Status)> ContentTypes =
    [
        ("application/json; charset=klingon", 415), ("application/json; charset=utf-7", 415), ("application/json; charset=utf-16", 415),
        ("application/json; charset=\"\"", null), ("application/json; charset=UTF-8", null), ("application/json; charset=\"utf-8\"", null),
        ("text/plain", 415), ("application/xml", 415), ("multipart/form-data", 415), ("application/x-www-form-urlencoded", 415), ("nonsense", 415),
        (null, 415),
    ];

    /// <summary>Headers that a route may read.</summary>
    public static readonly IReadOnlyList<(string Name, string Value)> Headers =
    [
        ("Idempotency-Key", ""), ("Idempotency-Key", s_long), ("Idempotency-Key", "'; DROP TABLE x; --"),
        ("Last-Event-ID", "yesterday"), ("Last-Event-ID", "-1"), ("Last-Event-ID", "99999999999999999999"), ("traceparent", "00-zz"),
        ("traceparent", "00-00000000000000000000000000000000-0000000000000000-00"), ("baggage", s_long), ("Authorization", "Bearer x"),
        ("Content-Encoding", "gzip"), ("X-HTTP-Method-Override", "DELETE"), ("Idempotency-Key", "a,b"), ("Idempotency-Key", " "),
        ("Last-Event-ID", "0x10"), ("Last-Event-ID", "1.5"), ("If-Match", "garbage"), ("Accept", string.Join(',', Enumerable.Range(0, 1_000).Select(n => $"a/b{n}"))),
        ("X-Forwarded-For", "junk"), ("X-Forwarded-Proto", "gopher"), ("tracestate", new string(',', 5_000)), ("Range", "bytes=0-0"), ("If-None-Match", "*"), ("Expect", "tea"),
    ];
}
