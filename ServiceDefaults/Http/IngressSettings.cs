using System.ComponentModel.DataAnnotations;
using System.Net;

namespace Shop.ServiceDefaults.Http;

/// <summary>
/// The configuration section <c>Ingress</c>: whose <c>X-Forwarded-For</c> and <c>X-Forwarded-Proto</c> are trusted. Nobody's by
/// default, because anonymous callers are rate limited by that address. Validated at startup.
/// </summary>
internal sealed class IngressSettings : IValidatableObject
{
    /// <summary>Networks (10.42.0.0/16) and addresses of the ingress. Empty by default.</summary>
    public IReadOnlyList<string> KnownNetworks { get; init; } = [];

    /// <summary>How many known proxies are chained, each of which adds an address: no more are read. 1.</summary>
    [Range(1, 16)]
    public int Proxies { get; init; } = 1;

    /// <summary>The networks, with an address as a network of one; null where an entry is invalid.</summary>
    public IReadOnlyList<IPNetwork>? Networks => KnownNetworks.Select(Read).ToList() is var networks && networks.TrueForAll(network => network is not null)
        ? networks.ConvertAll(network => network!.Value)
        : null;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext) => Networks is null
        ? [new ValidationResult("Ingress:KnownNetworks must contain networks such as 10.42.0.0/16, without bits set beyond the prefix, or addresses.")]
        : [];

    private static IPNetwork? Read(string text) =>
        IPNetwork.TryParse(text, out var network) ? network
        : IPAddress.TryParse(text, out var address) ? new IPNetwork(address, 8 * address.GetAddressBytes().Length)
        : null;
}
