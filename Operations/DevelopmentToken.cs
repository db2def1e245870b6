using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Shop.Operations;

/// <summary>What staff may do with a token, beyond having the role.</summary>
public static class Scopes
{
    /// <summary>See outboxes, dead letters and what else is behind the shop's doors.</summary>
    public const string Read = "ops:read";

    /// <summary>Send dead letters and parked events again, and discard them.</summary>
    public const string Redrive = "ops:redrive";

    /// <summary>Both.</summary>
    public static IReadOnlyList<string> All { get; } = [Read, Redrive];
}

/// <summary>A token for development: whoever has the signing key can impersonate everyone.</summary>
public static class DevelopmentToken
{
    /// <summary>A JSON web token, RFC 7519, signed with HS256.</summary>
    /// <param name="signingKey">The key that the services accept, in base 64.</param>
    /// <param name="subject">The <c>sub</c> claim: a customer, or a member of the staff.</param>
    /// <param name="staff">Whether the holder may do what only the shop's staff may.</param>
    /// <param name="lifetime">From <paramref name="now"/> on.</param>
    /// <param name="now">The time of issue.</param>
    /// <param name="scopes">What staff may do with it: null for all of <see cref="Scopes"/>.</param>
    public static string Create(string signingKey, string subject, bool staff, TimeSpan lifetime, DateTimeOffset now,
        IReadOnlyList<string>? scopes = null)
    {
        var claims = new Dictionary<string, object>
        {
            ["iss"] = "shop",
            ["aud"] = "shop",
            ["sub"] = subject,
            ["iat"] = now.ToUnixTimeSeconds(),
            ["exp"] = (now + lifetime).ToUnixTimeSeconds(),
        };
        if (staff)
        {
            claims["role"] = "staff";
            claims["scope"] = string.Join(' ', scopes ?? Scopes.All);
        }

        var signed = $"{Encode(new { alg = "HS256", typ = "JWT" })}.{Encode(claims)}";
        var key = Convert.FromBase64String(signingKey);
        return $"{signed}.{Base64Url.EncodeToString(HMACSHA256.HashData(key, Encoding.ASCII.GetBytes(signed)))}";
    }

    private static string Encode<T>(T value) => Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(value));
}
