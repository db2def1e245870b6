using System.ComponentModel.DataAnnotations;
using System.Net;

namespace Shop.ServiceDefaults.Http;

/// <summary>
/// The section <c>Ingress</c> of the configuration: whose <c>X-Forwarded-For</c> and <c>X-Forwarded-Proto</c> are believed. Nobody's by
/// default: whoever is believed chooses the address that callers without a token are limited by. Checked when the service starts.
/// </summary>
internal sealed class IngressSettings : IValidatableObject
{
    /// <summary>Networks (10.42.0.0/16) and addresses from which the ingress calls. Empty.</summary>
    public IReadOnlyList<string> KnownNetworks { get; init; } = [];

    /// <summary>How many known proxies stand one behind another, each of which has added an address: no more are read. 1.</summary>
    [Range(1, 16)]
    public int Proxies { get; init; } = 1;

    /// <summary>The networks, an address being one of its own; null where one of them is neither.</summary>
    public IReadOnlyList<IPNetwork>? Networks => KnownNetworks.Select(Read).ToList() is var networks && networks.TrueForAll(network => network is not null)
        ? networks.ConvertAll(network => network!.Value)
        : null;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext) => Networks is null
        ? [new ValidationResult("Ingress:KnownNetworks has networks such as 10.42.0.0/16, whose bits beyond the prefix are 0, and addresses.")]
        : [];

    private static IPNetwork? Read(string text) =>
        IPNetwork.TryParse(text, out var network) ? network
        : IPAddress.TryParse(text, out var address) ? new IPNetwork(address, 8 * address.GetAddressBytes().Length)
        : null;
}
