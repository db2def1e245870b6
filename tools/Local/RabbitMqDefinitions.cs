using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Shop.Local;

/// <summary>
/// The broker's topology as it is committed, in RabbitMQ's own format: exchanges, queues, bindings, policies, users and their
/// permissions. <c>./shop topology</c> derives it; a test keeps the file up to date. It has no secrets.
/// </summary>
internal static class RabbitMqDefinitions
{
    public const string VirtualHost = "shop";

    public const string RelativePath = "deploy/rabbitmq/definitions.json";

    public static JsonObject Read() =>
        JsonNode.Parse(File.ReadAllText(Path.Combine(ShopHome.Repository, RelativePath)))!.AsObject();

    /// <summary>The names of its users, one per service.</summary>
    public static IReadOnlyList<string> Users() => [.. Read()["users"]!.AsArray().Select(user => (string)user!["name"]!)];

    /// <summary>Ready to load: each user with its password, as the salted hash that RabbitMQ keeps.</summary>
    public static JsonObject Read(Func<string, string> passwordOf)
    {
        var definitions = Read();
        foreach (var user in definitions["users"]!.AsArray())
        {
            user!["password_hash"] = PasswordHash(passwordOf((string)user["name"]!));
        }

        return definitions;
    }

    private static string PasswordHash(string password)
    {
        var salt = RandomNumberGenerator.GetBytes(4);
        return Convert.ToBase64String([.. salt, .. SHA256.HashData([.. salt, .. Encoding.UTF8.GetBytes(password)])]);
    }
}
