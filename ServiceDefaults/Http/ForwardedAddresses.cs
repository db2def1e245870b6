using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Shop.ServiceDefaults.Http;

/// <summary>Forwarded headers of a configured ingress: the caller's address instead of the ingress's.</summary>
internal static class ForwardedAddresses
{
    public static void AddForwardedAddresses(this WebApplicationBuilder builder) => builder.Services.AddOptions<IngressSettings>()
        .BindConfiguration("Ingress").ValidateDataAnnotations().ValidateOnStart();

    public static void UseForwardedAddresses(this WebApplication app)
    {
        var settings = app.Services.GetRequiredService<IOptions<IngressSettings>>().Value;
        if (settings.KnownNetworks.Count == 0)
        {
            return;
        }

        var options = new ForwardedHeadersOptions
        {
            ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto,
            ForwardLimit = settings.Proxies,
        };
        options.KnownProxies.Clear(); // the framework trusts loopback by default
        options.KnownIPNetworks.Clear();
        foreach (var network in settings.Networks!)
        {
            options.KnownIPNetworks.Add(network);
        }

        app.UseForwardedHeaders(options);
    }
}
