using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Shop.ServiceDefaults.Http;

/// <summary>Behind an ingress: a caller's own address instead of the ingress's, where the configuration names the ingress.</summary>
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
        options.KnownProxies.Clear(); // the framework believes loopback
        options.KnownIPNetworks.Clear();
        foreach (var network in settings.Networks!)
        {
            options.KnownIPNetworks.Add(network);
        }

        app.UseForwardedHeaders(options);
    }
}
