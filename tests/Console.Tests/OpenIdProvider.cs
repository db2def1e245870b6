using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Shop.Console.Tests;

/// <summary>An OpenID Connect provider that knows one person and one client: the code flow with PKCE, with real signatures.</summary>
internal sealed class OpenIdProvider : IAsyncDisposable
{
    public const string Client = "console";

    private readonly RSA _key = RSA.Create(2048);
    private readonly WebApplication _app;
    private string _challenge = "";
    private string _nonce = "";

    private OpenIdProvider(WebApplication app) => _app = app;

    public string Address => _app.Urls.First();

    /// <summary>The person's role, and what is granted.</summary>
    public string Role { get; set; } = "staff";

    public string Scope { get; set; } = "openid ops:read ops:redrive";

    public static async Task<OpenIdProvider> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var provider = new OpenIdProvider(builder.Build());
        provider._app.MapGet("/.well-known/openid-configuration", () => new Dictionary<string, object>
        {
            ["issuer"] = provider.Address,
            ["authorization_endpoint"] = provider.Address + "/authorize",
            ["token_endpoint"] = provider.Address + "/token",
            ["jwks_uri"] = provider.Address + "/keys",
        });
        provider._app.MapGet("/keys", provider.Keys);
        provider._app.MapPost("/token", (Delegate)provider.TokenAsync);
        await provider._app.StartAsync();
        return provider;
    }

    /// <summary>The person agrees: where the provider sends the browser back to.</summary>
    public Uri Authorize(Uri asked)
    {
        var query = QueryHelpers.ParseQuery(asked.Query);
        (_challenge, _nonce) = (query["code_challenge"]!, query["nonce"]!);
        Assert.Equal(("code", Client, "S256"), (query["response_type"].ToString(), query["client_id"].ToString(), query["code_challenge_method"].ToString()));
        return new Uri(QueryHelpers.AddQueryString(query["redirect_uri"]!, new Dictionary<string, string?> { ["code"] = "the-code", ["state"] = query["state"] }));
    }

    public ValueTask DisposeAsync()
    {
        _key.Dispose();
        return _app.DisposeAsync();
    }

    private Dictionary<string, object> Keys()
    {
        var key = JsonWebKeyConverter.ConvertFromRSASecurityKey(new RsaSecurityKey(_key.ExportParameters(false)) { KeyId = "one" });
        return new Dictionary<string, object> { ["keys"] = new[] { new { kty = key.Kty, kid = key.Kid, n = key.N, e = key.E, use = "sig", alg = "RS256" } } };
    }

    private async Task<IResult> TokenAsync(HttpContext context)
    {
        var form = await context.Request.ReadFormAsync();
        var challenge = Base64UrlEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(form["code_verifier"].ToString())));
        return form["code"] != "the-code" || challenge != _challenge
            ? TypedResults.BadRequest(new { error = "invalid_grant" })
            : TypedResults.Ok(new { access_token = "the-access-token", token_type = "Bearer", expires_in = 600, scope = Scope, id_token = IdToken() });
    }

    private string IdToken() => new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
    {
        Issuer = Address,
        Audience = Client,
        Claims = new Dictionary<string, object> { ["sub"] = "grace", ["role"] = Role, ["nonce"] = _nonce },
        SigningCredentials = new SigningCredentials(new RsaSecurityKey(_key) { KeyId = "one" }, SecurityAlgorithms.RsaSha256),
    });
}
