using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Shop.Testing;

/// <summary>Valid bearer tokens, and invalid ones that the services must reject.</summary>
public static class TestTokens
{
    private static readonly byte[] s_key = SHA256.HashData("the signing key of every test"u8);
    private static readonly byte[] s_otherKey = SHA256.HashData("the signing key of somebody else"u8);

    /// <summary>The signing key in the configuration's format.</summary>
    public static string SigningKey { get; } = Convert.ToBase64String(s_key);

    /// <summary>The configuration with which a service under test accepts these tokens.</summary>
    public static IReadOnlyDictionary<string, string?> Configuration { get; } = new Dictionary<string, string?>
    {
        ["Authentication:Schemes:Bearer:ValidIssuer"] = "shop",
        ["Authentication:Schemes:Bearer:ValidAudiences:0"] = "shop",
        ["Authentication:Schemes:Bearer:SigningKeys:0:Issuer"] = "shop",
        ["Authentication:Schemes:Bearer:SigningKeys:0:Value"] = SigningKey,
    };

    /// <summary>A customer's.</summary>
    public static string Customer(string customer = "ada") => Make(customer);

    /// <summary>A member of the staff's, with the scopes for operations unless others are given.</summary>
    public static string Staff(string name = "staff", string? scope = "ops:read ops:redrive") => Make(name, role: "staff", scope: scope);

    /// <summary>To be rejected with 403 where staff is required: another role.</summary>
    public static string WithRole(string role, string name = "ada") => Make(name, role, scope: "ops:read ops:redrive");

    /// <summary>To be rejected with 401: it expired an hour ago.</summary>
    public static string Expired(string customer = "ada", string? role = null) => Make(customer, role, TimeSpan.FromHours(-1));

    /// <summary>To be rejected with 401: signed with a key that the services do not trust.</summary>
    public static string SignedWithAnotherKey(string customer = "ada", string? role = null) => Make(customer, role, key: s_otherKey);

    /// <summary>To be rejected with 401: for another audience.</summary>
    public static string ForAnotherAudience(string customer = "ada") => Make(customer, audience: "elsewhere");

    /// <summary>To be rejected with 401: from another issuer.</summary>
    public static string FromAnotherIssuer(string customer = "ada") => Make(customer, issuer: "elsewhere");

    /// <summary>To be rejected with 401: claims to need no signature.</summary>
    public static string WithoutSignature(string customer = "ada", string? role = null)
    {
        var parts = Make(customer, role).Split('.');
        return $"{Encode("""{"alg":"none","typ":"JWT"}"""u8)}.{parts[1]}.";
    }

    /// <summary>A customer's that expires soon.</summary>
    public static string ExpiringIn(TimeSpan lifetime, string customer = "ada") => Make(customer, lifetime: lifetime);

    /// <summary>To be rejected with 401: correctly signed, with the given JSON as its subject, or without one.</summary>
    public static string WithSubject(string? json, string? role = null) =>
        Make(json is null ? null : JsonDocument.Parse(json).RootElement, role);

    /// <summary>To be rejected with 401: validly signed, with another header.</summary>
    public static string WithHeader(string json, string customer = "ada") => Make(customer, header: json);

    private static string Make(
        object? subject,
        string? role = null,
        TimeSpan? lifetime = null,
        byte[]? key = null,
        string? scope = null,
        string issuer = "shop",
        string audience = "shop",
        string header = """{"alg":"HS256","typ":"JWT"}""")
    {
        var expires = TimeProvider.System.GetUtcNow() + (lifetime ?? TimeSpan.FromHours(1));
        var claims = new Dictionary<string, object>
        {
            ["iss"] = issuer,
            ["aud"] = audience,
            ["nbf"] = expires.AddHours(-2).ToUnixTimeSeconds(),
            ["exp"] = expires.ToUnixTimeSeconds(),
        };
        if (subject is not null)
        {
            claims["sub"] = subject;
        }

        if (role is not null)
        {
            claims["role"] = role;
        }

        if (scope is not null)
        {
            claims["scope"] = scope;
        }

        var signed = $"{Encode(Encoding.UTF8.GetBytes(header))}.{Encode(JsonSerializer.SerializeToUtf8Bytes(claims))}";
        return $"{signed}.{Encode(HMACSHA256.HashData(key ?? s_key, Encoding.ASCII.GetBytes(signed)))}";
    }

    private static string Encode(ReadOnlySpan<byte> bytes) => Base64Url.EncodeToString(bytes);
}
