using System.Buffers.Text;
using System.CommandLine;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Shop.Cli;

/// <summary>Prints a token that the shop on this machine accepts. For development: anyone with the signing key can impersonate everyone.</summary>
internal static class TokenCommand
{
    private const int DefaultHours = 12;
    private const int YearOfHours = 24 * 365;

    public static Command Create()
    {
        var customer = new Argument<string>("customer") { Description = "the customer's id" };
        var staff = new Option<bool>("--staff") { Description = "may do what only the shop's staff may" };
        var hours = new Option<int>("--hours") { Description = "its lifetime", DefaultValueFactory = _ => DefaultHours };
        hours.Validators.Add(Numbers.Between(hours, 1, YearOfHours));
        var command = new Command("token", "a bearer token for a customer, or for staff") { customer, staff, hours };
        command.SetAction(parsed => Console.WriteLine(Create(
            parsed.GetRequiredValue(customer), parsed.GetValue(staff), TimeSpan.FromHours(parsed.GetValue(hours)), TimeProvider.System.GetUtcNow())));
        return command;
    }

    /// <summary>A JSON web token, RFC 7519, signed with HS256.</summary>
    /// <param name="customer">The <c>sub</c> claim.</param>
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
            claims["scope"] = "ops:read ops:redrive";
        }

        var signed = $"{Encode(new { alg = "HS256", typ = "JWT" })}.{Encode(claims)}";
        var key = Convert.FromBase64String(DevelopmentSecrets.SigningKey());
        return $"{signed}.{Base64Url.EncodeToString(HMACSHA256.HashData(key, Encoding.ASCII.GetBytes(signed)))}";
    }

    private static string Encode<T>(T value) => Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(value));
}
