using System.Buffers.Text;
using System.Security.Cryptography;

namespace Shop.Notification.Features;

internal static class WebhookSecret
{
    private const int Bytes = 32;

    /// <summary>256 random bits. The key is the whole text, including its prefix.</summary>
    public static string New() => $"whsec_{Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(Bytes))}";
}
