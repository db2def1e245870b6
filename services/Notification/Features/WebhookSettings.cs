using System.ComponentModel.DataAnnotations;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Options;

namespace Shop.Notification.Features;

/// <summary>The configuration section <c>Webhook</c>.</summary>
internal sealed class WebhookSettings
{
    /// <summary>The timeout of one call.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:01:00")]
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Concurrent calls of one instance per host.</summary>
    [Range(1, 100)]
    public int CallsPerHost { get; init; } = 4;

    /// <summary>
    /// Networks, such as 10.1.0.0/16, that may be called although they are not public. In the environment
    /// Development the loopback addresses are always among them.
    /// </summary>
    public IReadOnlyList<string> AllowedNetworks { get; init; } = [];
}

internal sealed class WebhookSettingsRules : IValidateOptions<WebhookSettings>
{
    public ValidateOptionsResult Validate(string? name, WebhookSettings options)
    {
        List<string> wrong =
        [
            .. options.AllowedNetworks.Where(network => !IPNetwork.TryParse(network, out _))
                .Select(network => $"Webhook:AllowedNetworks has '{network}', which is not a network. Write it as 10.1.0.0/16."),
        ];
        return wrong.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(wrong);
    }
}

/// <summary>
/// Which addresses may be called. Customers choose the URL, and the call comes from inside the shop's network: unchecked, a webhook could
/// reach internal systems (SSRF).
/// </summary>
internal sealed class WebhookAddresses(IOptions<WebhookSettings> options, IHostEnvironment environment)
{
    /// <summary>
    /// The non-public networks of IANA's special-purpose address registry.
    /// Of IPv6 only 2000::/3 is public; exceptions within it, and mappings to IPv4, are listed.
    /// </summary>
    private static readonly IPNetwork[] s_special = Parse("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
        "203.0.113.0/24", "224.0.0.0/3", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20");

    private static readonly IPNetwork s_publicV6 = IPNetwork.Parse("2000::/3");

    private readonly IPNetwork[] _allowed =
    [
        .. options.Value.AllowedNetworks.Select(IPNetwork.Parse),
        .. environment.IsDevelopment() ? Parse("127.0.0.0/8", "::1/128") : [],
    ];

    /// <summary>Whether http to loopback addresses is allowed.</summary>
    public bool AllowsLoopback => MayCall(IPAddress.Loopback);

    public bool MayCall(IPAddress address)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return _allowed.Any(network => network.Contains(plain))
            || ((plain.AddressFamily == AddressFamily.InterNetwork || s_publicV6.Contains(plain)) && !s_special.Any(network => network.Contains(plain)));
    }

    private static IPNetwork[] Parse(params string[] networks) => [.. networks.Select(IPNetwork.Parse)];
}
