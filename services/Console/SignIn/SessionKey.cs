using System.Globalization;
using System.Security.Cryptography;
using System.Xml.Linq;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.AuthenticatedEncryption.ConfigurationModel;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.DataProtection.Repositories;

namespace Shop.Console.SignIn;

/// <summary>Reads the key of the sessions, which every replica has.</summary>
internal static class SessionKeyRegistration
{
    private const int LeastBytes = 32;

    public static void AddSessionKey(this WebApplicationBuilder builder)
    {
        var protection = builder.Services.AddDataProtection().SetApplicationName("shop-console");
        if (builder.Configuration[SessionKey.Setting] is not { Length: > 0 } text)
        {
            if (!builder.Environment.IsDevelopment())
            {
                throw Wrong("is missing");
            }

            return; // the framework's own keys, in the person's home directory
        }

        var secret = new byte[text.Length];
        if (!Convert.TryFromBase64String(text, secret, out var bytes) || bytes < LeastBytes)
        {
            throw Wrong($"is not at least {LeastBytes} bytes in base 64");
        }

        protection.DisableAutomaticKeyGeneration();
        builder.Services.Configure<KeyManagementOptions>(keys => keys.XmlRepository = new SessionKey(secret[..bytes]));
    }

    private static InvalidOperationException Wrong(string what) => new($"{SessionKey.Setting} {what}. Set "
        + $"{SessionKey.Setting.Replace(":", "__", StringComparison.Ordinal)} to a secret that all replicas share, such as the output of: openssl rand -base64 48");
}

/// <summary>
/// What protects the cookies of a session and of a form: a secret, <c>Sessions:Key</c>, the same for all replicas and after each restart. So the
/// console needs no volume and no server for its keys. Whoever has it can forge a session here, and no token that a service accepts. With
/// another key everybody signs in again, at the provider usually without a question.
/// </summary>
internal sealed class SessionKey(byte[] secret) : IXmlRepository
{
    public const string Setting = "Sessions:Key";
    private const int MasterKeyBytes = 64;

    /// <summary>One key, in the framework's format, which every replica derives alike and which does not expire.</summary>
    public IReadOnlyCollection<XElement> GetAllElements()
    {
        var derived = HKDF.DeriveKey(HashAlgorithmName.SHA512, secret, MasterKeyBytes + 16, info: "shop console sessions"u8.ToArray());
        return
        [
            new XElement("key",
                new XAttribute("id", new Guid(derived.AsSpan(MasterKeyBytes))),
                new XAttribute("version", 1),
                new XElement("creationDate", Day(2000)),
                new XElement("activationDate", Day(2000)),
                new XElement("expirationDate", Day(9000)),
                new XElement("descriptor",
                    new XAttribute("deserializerType", typeof(AuthenticatedEncryptorDescriptorDeserializer).AssemblyQualifiedName!),
                    new XElement("descriptor",
                        new XElement("encryption", new XAttribute("algorithm", "AES_256_CBC")),
                        new XElement("validation", new XAttribute("algorithm", "HMACSHA256")),
                        new XElement("masterKey", new XElement("value", Convert.ToBase64String(derived.AsSpan(0, MasterKeyBytes))))))),
        ];
    }

    public void StoreElement(XElement element, string friendlyName) => throw new NotSupportedException("The key is configured, and no other is made.");

    private static string Day(int year) => new DateTimeOffset(year, 1, 1, 0, 0, 0, TimeSpan.Zero).ToString("O", CultureInfo.InvariantCulture);
}
