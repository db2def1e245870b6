using System.ComponentModel.DataAnnotations;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Options;

namespace Shop.Notification.Features.Deliver;

/// <summary>How webhooks are called; the section <c>Webhook</c> of the configuration.</summary>
internal sealed class WebhookSettings
{
    /// <summary>How long one call may take.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:01:00")]
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How many calls one host may have from one instance at once.</summary>
    [Range(1, 100)]
    public int CallsPerHost { get; init; } = 4;

    /// <summary>
    /// Networks, such as 10.1.0.0/16, that may be called although they are not part of the public internet. In the environment
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
                .Select(network => $"Webhook:AllowedNetworks has '{network}', which is no network. Write it as 10.1.0.0/16."),
        ];
        return wrong.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(wrong);
    }
}

/// <summary>
/// Which addresses may be called. A customer says what is called, from inside the shop's network: without this, a webhook could
/// reach what only the shop may.
/// </summary>
internal sealed class WebhookAddresses(IOptions<WebhookSettings> options, IHostEnvironment environment)
{
    /// <summary>
    /// Everything special of IANA's special-purpose address registry that could lead to the shop's own network or to nobody.
    /// Of IPv6 only 2000::/3 is public; what is carved out of that, or leads back to IPv4, is listed.
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

    /// <summary>Whether http is good enough, because it stays on this machine.</summary>
    public bool AllowsLoopback => MayCall(IPAddress.Loopback);

    public bool MayCall(IPAddress address)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return _allowed.Any(network => network.Contains(plain))
            || ((plain.AddressFamily == AddressFamily.InterNetwork || s_publicV6.Contains(plain)) && !s_special.Any(network => network.Contains(plain)));
    }

    private static IPNetwork[] Parse(params string[] networks) => [.. networks.Select(IPNetwork.Parse)];
}
