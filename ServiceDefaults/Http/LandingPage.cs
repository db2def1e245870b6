using System.Net.Mime;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Net.Http.Headers;

namespace Shop.ServiceDefaults.Http;

/// <summary>The page at a service's root, with links to its API, events and health. Needs no token and no script.</summary>
internal static class LandingPage
{
    private const string Style = """
        :root { color-scheme: light dark; --ink: #1c2024; --soft: #5a636b; --paper: #fcfcfd; --edge: #d9dde1; --link: #0b57a4 }
        @media (prefers-color-scheme: dark) { :root { --ink: #edeef0; --soft: #a5adb5; --paper: #15181b; --edge: #373d43; --link: #7db9f5 } }
        body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif }
        main { max-width: 40rem; margin: 0 auto; padding: 3rem 1.25rem }
        h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .5rem }
        p { margin: 0 0 1.5rem; color: var(--soft) }
        ul { list-style: none; margin: 0 0 1.5rem; padding: 0; border-top: 1px solid var(--edge) }
        li { padding: .75rem 0; border-bottom: 1px solid var(--edge); color: var(--soft) }
        a { display: inline-block; color: var(--link); font-weight: 600; text-underline-offset: .2em }
        a:focus-visible { outline: 3px solid var(--link); outline-offset: 1px; border-radius: 2px }
        code { font: .9em ui-monospace, monospace; color: var(--ink); white-space: nowrap }
        """;

    private static readonly string s_policy = "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src 'sha256-"
        + $"{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(Style)))}'";

    public static void MapLandingPage(this IEndpointRouteBuilder routes)
    {
        var page = Render(routes.ServiceProvider.GetRequiredService<IHostEnvironment>().ApplicationName);
        routes.MapGet("/", (HttpContext context) =>
        {
            context.Response.Headers[HeaderNames.ContentSecurityPolicy] = s_policy;
            return TypedResults.Text(page, MediaTypeNames.Text.Html, Encoding.UTF8);
        }).AllowAnonymous().ExcludeFromDescription();
    }

    private static string Render(string service) => $"""
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>{service} - Shop</title>
        <link rel="icon" href="data:,">
        <style>{Style}</style>
        </head>
        <body>
        <main>
        <h1>{service}</h1>
        <p>A service of the shop. This is its API.</p>
        <ul>
        <li><a href="/scalar">API reference</a><br>Every route with its parameters and responses; requests can be tried there.</li>
        <li><a href="/openapi/v1.json">OpenAPI document</a><br>The same for programs.</li>
        <li><a href="/asyncapi/v1.json">AsyncAPI document</a><br>The events that it publishes and consumes.</li>
        <li><a href="/health/ready">Health</a><br>Whether it is ready, and each check.</li>
        </ul>
        <p>Every other route needs a bearer token. In development <code>./shop token alice</code> prints one for a customer, and
        <code>./shop token sam --staff</code> one for staff.</p>
        </main>
        </body>
        </html>
        """;
}
