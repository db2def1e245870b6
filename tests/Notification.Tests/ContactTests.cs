using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Shop.Notification.Features;
using Shop.Notification.Features.Deliver;
using Shop.Notification.Features.PutContact;

namespace Shop.Notification.Tests;

/// <summary>The contact book, where no private address may be called: as in production.</summary>
public sealed class ContactTests(NotificationFixture shop) : IClassFixture<NotificationFixture>
{
    [Fact]
    public async Task A_contact_is_put_read_and_deleted_by_its_owner_only()
    {
        var customer = Sample.Customer("own");
        using var client = shop.Client(TestTokens.Customer(customer));
        using var other = shop.Client(TestTokens.Customer(Sample.Customer("other")));
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/contacts/me")).StatusCode);
        var secret = await shop.PutContactAsync(customer, "Ada", "https://hooks.example.com");

        var contact = await client.GetFromJsonAsync<JsonElement>("/contacts/me");
        Assert.Equal(("Ada", $"{customer}@example.com", "https://hooks.example.com/"), (contact.GetProperty("name").GetString(),
            contact.GetProperty("email").GetString(), contact.GetProperty("webhookUrl").GetString()));
        Assert.DoesNotContain(secret!, contact.GetRawText(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, (await other.GetAsync("/contacts/me")).StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await other.DeleteAsync("/contacts/me")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/contacts/me")).StatusCode);

        Assert.Equal(HttpStatusCode.NoContent, (await client.DeleteAsync("/contacts/me")).StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await client.DeleteAsync("/contacts/me")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/contacts/me")).StatusCode);
        Assert.Equal(0, await shop.Database.ScalarAsync<long>($"SELECT count(*) FROM contacts WHERE customer_id = '{customer}'"));
    }

    [Fact]
    public async Task A_secret_is_shown_once_and_a_new_URL_gets_a_new_one()
    {
        var customer = Sample.Customer("secret");
        var first = await shop.PutContactAsync(customer, webhookUrl: "https://one.example.com/");
        Assert.Matches("^whsec_[A-Za-z0-9_-]{43}$", first);
        Assert.Null(await shop.PutContactAsync(customer, "New name", "https://one.example.com/"));
        Assert.Equal(first, await SecretAsync(customer));

        var second = await shop.PutContactAsync(customer, webhookUrl: "https://two.example.com/");

        Assert.NotEqual(first, second);
        Assert.Equal(second, await SecretAsync(customer));
    }

    [Fact]
    public async Task A_secret_is_rotated_by_the_owner_of_a_webhook()
    {
        var customer = Sample.Customer("rotate");
        var first = await shop.PutContactAsync(customer, webhookUrl: "https://one.example.com/");
        using var client = shop.Client(TestTokens.Customer(customer));

        using var answer = await client.PostAsync("/contacts/me/webhook-secret", null);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var second = (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("webhookSecret").GetString();
        Assert.NotEqual(first, second);
        Assert.Equal(second, await SecretAsync(customer));
        await shop.PutContactAsync(customer);
        Assert.Equal(HttpStatusCode.NotFound, (await client.PostAsync("/contacts/me/webhook-secret", null)).StatusCode);
    }

    [Fact]
    public async Task A_response_with_a_secret_is_replayed_with_no_store_too()
    {
        var customer = Sample.Customer("rotate-twice");
        await shop.PutContactAsync(customer, webhookUrl: "https://one.example.com/");
        using var client = shop.Client(TestTokens.Customer(customer));
        client.DefaultRequestHeaders.Add("Idempotency-Key", "key-1");

        using var first = await client.PostAsync("/contacts/me/webhook-secret", null);
        using var again = await client.PostAsync("/contacts/me/webhook-secret", null);

        Assert.Equal(await first.Content.ReadAsStringAsync(), await again.Content.ReadAsStringAsync());
        Assert.Equal((true, true), (first.Headers.CacheControl?.NoStore, again.Headers.CacheControl?.NoStore));
        Assert.Equal((false, "true"), (first.Headers.Contains("Idempotent-Replayed"), again.Headers.GetValues("Idempotent-Replayed").Single()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("hooks.example.com")]
    [InlineData("/hook")]
    [InlineData("ftp://example.com/")]
    [InlineData("http://hooks.example.com/")]
    [InlineData("http://127.0.0.1/")] // neither Development nor an allowed network
    [InlineData("http://localhost:8080/")]
    [InlineData("https://user:pass@example.com/")]
    [InlineData("https://user@example.com/")]
    [InlineData("https://example.com/#part")]
    [InlineData("https://exa mple.com/")]
    [InlineData("https://example.com:0/")]
    [InlineData("https://xn--/")]
    [InlineData("https://exa\u00admple.com/")]
    [InlineData("https://example.com/\r\nX: y")]
    [InlineData("https://10.1.2.3/")]
    [InlineData("https://0x7f000001/")]
    [InlineData("https://169.254.169.254/latest/meta-data")]
    [InlineData("https://[::1]/")]
    [InlineData("https://[::ffff:127.0.0.1]/")]
    [InlineData("https://[fe80::1]/")]
    public async Task A_forbidden_webhook_URL_is_rejected(string webhookUrl)
    {
        using var client = shop.Client(TestTokens.Customer(Sample.Customer("refused")));
        using var answer = await client.PutAsJsonAsync("/contacts/me", new { name = "Ada", email = "ada@example.com", webhookUrl });

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("urn:shop:problem:validation", problem.GetProperty("type").GetString());
        Assert.Contains("https", problem.GetProperty("errors").GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_host_that_resolves_to_a_private_address_is_not_called()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var customer = Sample.Customer("inside");
        await shop.PutContactAsync(customer, webhookUrl: $"https://localhost:{((IPEndPoint)listener.LocalEndpoint).Port}/");

        await shop.Wire.PublishAsync(Sample.Shipped(customer));

        var failed = await shop.OneOfAsync(customer, "webhook", "failed");
        Assert.Equal("forbidden-address", failed.GetProperty("error").GetString());
        Assert.Equal(1, failed.GetProperty("attempts").GetInt32());
        Assert.False(listener.Pending());
        await shop.OneOfAsync(customer, "email", "delivered");
    }

    [Theory]
    [InlineData("93.184.215.14", true)]
    [InlineData("2606:2800:21f:cb07:6820:80da:af6b:8b2c", true)]
    [InlineData("0.0.0.0", false)]
    [InlineData("10.0.0.1", false)]
    [InlineData("100.64.0.1", false)]
    [InlineData("127.0.0.1", false)]
    [InlineData("169.254.169.254", false)]
    [InlineData("172.31.255.255", false)]
    [InlineData("192.168.1.1", false)]
    [InlineData("198.18.0.1", false)]
    [InlineData("224.0.0.1", false)]
    [InlineData("255.255.255.255", false)]
    [InlineData("::", false)]
    [InlineData("::1", false)]
    [InlineData("::ffff:10.0.0.1", false)]
    [InlineData("64:ff9b::a00:1", false)]
    [InlineData("2002:a00:1::", false)]
    [InlineData("fc00::1", false)]
    [InlineData("fe80::1", false)]
    [InlineData("ff02::1", false)]
    public void Only_public_addresses_may_be_called(string address, bool may) => Assert.Equal(may, Addresses().MayCall(IPAddress.Parse(address)));

    [Fact]
    public void Allowed_networks_may_be_called_and_loopback_in_Development()
    {
        Assert.True(Addresses("10.1.0.0/16").MayCall(IPAddress.Parse("10.1.2.3")));
        Assert.True(Addresses("10.1.0.0/16").MayCall(IPAddress.Parse("::ffff:10.1.2.3")));
        Assert.False(Addresses("10.1.0.0/16").MayCall(IPAddress.Parse("10.2.0.1")));
        Assert.Null(WebhookUrlAttribute.Normalized("http://localhost:8080/x", Addresses()));
        Assert.Equal("http://localhost:8080/x", WebhookUrlAttribute.Normalized("http://localhost:8080/x", Development()));
        Assert.Equal("http://127.0.0.1/", WebhookUrlAttribute.Normalized("http://127.1", Development()));
        Assert.Null(WebhookUrlAttribute.Normalized("http://example.com/", Development()));
        Assert.Null(WebhookUrlAttribute.Normalized("https://169.254.169.254/", Development()));
        Assert.Equal("https://xn--mller-kva.example/", WebhookUrlAttribute.Normalized("https://Müller.example", Development()));
    }

    private static WebhookAddresses Addresses(params string[] allowed) =>
        new(Options.Create(new WebhookSettings { AllowedNetworks = allowed }), new Environment("Production"));

    private static WebhookAddresses Development() => new(Options.Create(new WebhookSettings()), new Environment("Development"));

    private Task<string> SecretAsync(string customer) =>
        shop.Database.ScalarAsync<string>($"SELECT webhook_secret FROM contacts WHERE customer_id = '{customer}'");

    private sealed class Environment(string name) : IHostEnvironment
    {
        public string EnvironmentName { get; set; } = name;

        public string ApplicationName { get; set; } = "";

        public string ContentRootPath { get; set; } = "";

        public IFileProvider ContentRootFileProvider { get; set; } = new NullFileProvider();
    }
}
