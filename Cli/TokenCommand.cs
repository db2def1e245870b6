using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Shop.Cli;

/// <summary>Prints a token that the shop on this machine accepts. For development: whoever reads the signing key may be anyone.</summary>
internal static class TokenCommand
{
    private const int DefaultHours = 12;
    private const int YearOfHours = 24 * 365;

    public static Command Command { get; } = new(
        "token",
        "token <customer> [--staff] [--hours N]",
        "Prints a bearer token for a customer, or for staff, good for N hours (12).",
        RunAsync);

    private static Task<int> RunAsync(Arguments arguments, CancellationToken ct)
    {
        var staff = arguments.Flag("--staff");
        var hours = arguments.Number("--hours", DefaultHours, 1, YearOfHours);
        var customer = arguments.Required("The customer");
        arguments.End();
        Console.WriteLine(Create(customer, staff, TimeSpan.FromHours(hours), TimeProvider.System.GetUtcNow()));
        return Task.FromResult(0);
    }

    /// <summary>A JSON web token, RFC 7519, signed with HS256.</summary>
    /// <param name="customer">Whom the token speaks for: the <c>sub</c> claim.</param>
    /// <param name="staff">Whether the holder may do what only the shop's staff may.</param>
    /// <param name="lifetime">From <paramref name="now"/> on.</param>
    /// <param name="now">The time of issue.</param>
    public static string Create(string customer, bool staff, TimeSpan lifetime, DateTimeOffset now)
    {
        var claims = new Dictionary<string, object>
        {
            ["iss"] = "shop",
            ["aud"] = "shop",
            ["sub"] = customer,
            ["iat"] = now.ToUnixTimeSeconds(),
            ["exp"] = (now + lifetime).ToUnixTimeSeconds(),
        };
        if (staff)
        {
            claims["role"] = "staff";
        }

        var signed = $"{Encode(new { alg = "HS256", typ = "JWT" })}.{Encode(claims)}";
        var key = Convert.FromBase64String(DevelopmentSecrets.SigningKey());
        return $"{signed}.{Base64Url.EncodeToString(HMACSHA256.HashData(key, Encoding.ASCII.GetBytes(signed)))}";
    }

    private static string Encode<T>(T value) => Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(value));
}
