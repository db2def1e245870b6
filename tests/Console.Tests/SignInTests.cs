using System.Net;
using System.Text.Json;
using Shop.Operations;

namespace Shop.Console.Tests;

/// <summary>Who may do what, and as whom the services are asked.</summary>
public sealed class SignInTests
{
    private const string Message = "/failed/inventory.order-placed/one";
    private static readonly string s_key = Convert.ToBase64String(new byte[48]);

    [Fact]
    public async Task The_services_are_asked_with_the_token_of_who_is_signed_in()
    {
        await using var console = await ConsoleApp.StartAsync();
        await console.SignInAsync("ada", redrive: false);

        await console.PageAsync("/");

        var claims = JsonDocument.Parse(Decode(Assert.Single(console.Services["ordering"].Requests).Token.Split('.')[1])).RootElement;
        Assert.Equal(("ada", "staff", "ops:read"),
            (claims.GetProperty("sub").GetString(), claims.GetProperty("role").GetString(), claims.GetProperty("scope").GetString()));
    }

    [Fact]
    public async Task A_message_is_sent_again_by_who_may_and_not_by_who_may_only_look()
    {
        await using var console = await ConsoleApp.StartAsync();
        console.Services["inventory"].Answer("/dead-letters/inventory.order-placed/one/retry", new MovedView(1, 0));
        await console.SignInAsync("eve", redrive: false);
        using (var refused = await console.PostAsync($"{Message}/retry", from: "/"))
        {
            Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        }

        Assert.DoesNotContain(console.Services["inventory"].Requests, request => request.Method == "POST");
        await console.SignInAsync("ada");
        using var sent = await console.PostAsync($"{Message}/retry", from: "/");

        Assert.Equal("/failed/inventory.order-placed?done=retried&count=1", sent.Headers.Location!.ToString());
        Assert.Single(console.Services["inventory"].Requests, request => request.Method == "POST");
    }

    [Theory]
    [InlineData($"{Message}/retry")]
    [InlineData($"{Message}/discard")]
    [InlineData("/failed/inventory.order-placed/jobs")]
    [InlineData("/jobs/inventory/019a3c1e-7d52-7c11-b2a5-3f0e9c4d8a61/cancel")]
    [InlineData("/outbox/ordering/retry")]
    [InlineData("/outbox/ordering/4711/discard")]
    [InlineData("/outbox/ordering/jobs")]
    public async Task A_form_of_another_site_changes_nothing(string path)
    {
        await using var console = await ConsoleApp.StartAsync();
        await console.SignInAsync();

        using var response = await console.PostWithoutTokenAsync(path, ("reason", "because"), ("kind", "retry"));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.All(console.Services.Values, service => Assert.Empty(service.Requests));
    }

    /// <summary>What the form wanted was not done: it is still there.</summary>
    [Theory]
    [InlineData("http://localhost/failed/inventory.order-placed?group=a", "/failed/inventory.order-placed?group=a")]
    [InlineData("http://evil.example/failed", "/")]
    [InlineData(null, "/")]
    public async Task A_form_that_is_sent_when_the_session_has_ended_leads_back_to_its_page(string? referer, string to)
    {
        await using var console = await ConsoleApp.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{Message}/retry") { Content = new FormUrlEncodedContent([]) };
        if (referer is not null)
        {
            request.Headers.Referrer = new Uri(referer);
        }

        using var response = await console.Http.SendAsync(request);

        Assert.Equal($"/sign-in?to={Uri.EscapeDataString(to)}", response.Headers.Location!.ToString());
    }

    [Theory]
    [InlineData("/failed", "/failed")]
    [InlineData("//evil.example", "/")]
    [InlineData("/\\evil.example", "/")]
    [InlineData("https://evil.example", "/")]
    public async Task Signing_in_leads_to_a_page_of_this_application(string to, string location)
    {
        await using var console = await ConsoleApp.StartAsync();

        using var response = await console.PostAsync("/sign-in", from: "/sign-in", ("name", "ada"), ("to", to));

        Assert.Equal(location, response.Headers.Location!.ToString());
    }

    [Fact]
    public async Task In_production_nobody_signs_in_by_a_name_and_without_a_provider_it_does_not_start()
    {
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => ConsoleApp.StartAsync("Production"));

        Assert.Contains("Authentication__Schemes__OpenIdConnect__Authority", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("staff", HttpStatusCode.OK)]
    [InlineData("customer", HttpStatusCode.Forbidden)]
    public async Task In_production_staff_sign_in_at_the_provider_and_the_services_are_asked_with_its_token(string role, HttpStatusCode expected)
    {
        await using var provider = await OpenIdProvider.StartAsync();
        provider.Role = role;
        await using var console = await ConsoleApp.StartAsync("Production",
            ("Authentication:Schemes:OpenIdConnect:Authority", provider.Address),
            ("Authentication:Schemes:OpenIdConnect:ClientId", OpenIdProvider.Client),
            ("Authentication:Schemes:OpenIdConnect:ClientSecret", "secret"),
            ("Authentication:Schemes:OpenIdConnect:RequireHttpsMetadata", "false"),
            ("Sessions:Key", s_key));
        using var challenge = await console.Http.GetAsync(new Uri("/invariants", UriKind.Relative));
        using var back = await console.Http.GetAsync(provider.Authorize(challenge.Headers.Location!));
        Assert.True(back.StatusCode == HttpStatusCode.Redirect, await back.Content.ReadAsStringAsync());
        Assert.Equal("/invariants", back.Headers.Location!.ToString());

        using var page = await console.Http.GetAsync(new Uri("/", UriKind.Relative));

        Assert.Equal(expected, page.StatusCode);
        string[] tokens = expected == HttpStatusCode.OK ? ["the-access-token"] : [];
        Assert.Equal(tokens, console.Services["ordering"].Requests.Select(request => request.Token));
        Assert.DoesNotContain("/sign-in", challenge.Headers.Location!.ToString(), StringComparison.Ordinal);
        using var byName = await console.Http.GetAsync(new Uri("/sign-in", UriKind.Relative));
        Assert.Equal(HttpStatusCode.NotFound, expected == HttpStatusCode.OK ? byName.StatusCode : HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_session_of_one_replica_is_one_of_each_replica_with_the_same_key()
    {
        await using var first = await ConsoleApp.StartAsync(settings: ("Sessions:Key", s_key));
        using var signedIn = await first.PostAsync("/sign-in", from: "/sign-in", ("name", "ada"), ("to", "/"));
        var session = string.Join("; ", signedIn.Headers.GetValues("Set-Cookie").Select(cookie => cookie.Split(';')[0]));

        Assert.Equal(HttpStatusCode.OK, await StatusAsync(s_key));
        Assert.Equal(HttpStatusCode.Redirect, await StatusAsync(Convert.ToBase64String(Enumerable.Repeat((byte)1, 48).ToArray())));

        async Task<HttpStatusCode> StatusAsync(string key)
        {
            await using var other = await ConsoleApp.StartAsync(settings: ("Sessions:Key", key));
            using var request = new HttpRequestMessage(HttpMethod.Get, "/") { Headers = { { "Cookie", session } } };
            using var page = await other.Http.SendAsync(request);
            return page.StatusCode;
        }
    }

    [Theory]
    [InlineData("", "Sessions:Key is missing.")]
    [InlineData("c2hvcnQ=", "Sessions:Key is not at least 32 bytes in base 64.")]
    [InlineData("not base 64, and long enough to be a key", "Sessions:Key is not at least 32 bytes in base 64.")]
    public async Task In_production_it_does_not_start_without_a_key_that_replicas_can_share(string key, string expected)
    {
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => ConsoleApp.StartAsync("Production",
            ("Authentication:Schemes:OpenIdConnect:Authority", "https://id.example"),
            ("Authentication:Schemes:OpenIdConnect:ClientId", OpenIdProvider.Client),
            ("Sessions:Key", key)));

        Assert.StartsWith(expected, error.Message, StringComparison.Ordinal);
        Assert.Contains("Sessions__Key", error.Message, StringComparison.Ordinal);
    }

    private static byte[] Decode(string part) => Convert.FromBase64String(part.Replace('-', '+').Replace('_', '/').PadRight((part.Length + 3) / 4 * 4, '='));
}
