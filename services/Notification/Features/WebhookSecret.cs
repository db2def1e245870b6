using System.Buffers.Text;
using System.Security.Cryptography;

namespace Shop.Notification.Features;

internal static class WebhookSecret
{
    private const int Bytes = 32;

    /// <summary>256 bits of chance. The key is the text as it is, prefix and all.</summary>
    public static string New() => $"whsec_{Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(Bytes))}";
}
