using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Shop.ServiceDefaults.Http;

/// <summary>Validates a token beyond signature, lifetime, issuer and audience.</summary>
internal static class TokenRules
{
    /// <summary>Why it is rejected, or null.</summary>
    public static string? Violation(SecurityToken token)
    {
        // RFC 7515, 4.1.11: a critical extension that the recipient does not know makes the token invalid, and none is known here.
        if (token is not JsonWebToken jwt || jwt.TryGetHeaderValue<object>("crit", out _))
        {
            return "The token has a critical header parameter.";
        }

        return SubjectOf(jwt) is { Length: > 0 and <= Auth.MaxSubjectLength } subject && subject.All(c => c is >= ' ' and <= '~')
            ? null
            : $"The token's sub must be one string of 1 to {Auth.MaxSubjectLength} ASCII characters without control characters.";
    }

    // From the raw payload: the library converts a number to text, and picks one of duplicate claims.
    private static string? SubjectOf(JsonWebToken token)
    {
        using var claims = JsonDocument.Parse(Base64UrlEncoder.DecodeBytes(token.EncodedPayload));
        return claims.RootElement.EnumerateObject().Where(claim => claim.NameEquals("sub")).ToList() is [{ Value.ValueKind: JsonValueKind.String } subject]
            ? subject.Value.GetString()
            : null;
    }
}
