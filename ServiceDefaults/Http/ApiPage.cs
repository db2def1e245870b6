using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Scalar.AspNetCore;

namespace Shop.ServiceDefaults.Http;

/// <summary>The API reference at <c>/scalar</c>. Its files are served by the service itself.</summary>
internal static class ApiPage
{
    public static void MapApiPage(this IEndpointRouteBuilder routes) => routes.MapScalarApiReference("/scalar", (options, context) =>
    {
        var nonce = Convert.ToBase64String(RandomNumberGenerator.GetBytes(16));
        options.Nonce = nonce;
        options.DefaultFonts = false;
        options.Telemetry = false;
        options.HideClientButton = true; // links to another host
        options.ShowDeveloperTools = DeveloperToolsVisibility.Never;
        options.AddPreferredSecuritySchemes([OpenApiDefaults.Bearer]); // preselected, so that only the token must be entered
        options.Agent = new ScalarAgentOptions { Disabled = true };
        options.Mcp = new ScalarMcpOptions { Disabled = true };

        // The browser blocks all other requests of the page's script.
        context.Response.Headers.ContentSecurityPolicy = "default-src 'none'; connect-src 'self'; img-src 'self' data:; font-src 'self' data:; "
            + $"style-src 'self' 'unsafe-inline'; script-src 'self' 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    }).AllowAnonymous();
}
