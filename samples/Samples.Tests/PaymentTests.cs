using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Payments;

namespace Samples.Tests;

/// <summary>Domain events without a broker: one service, one transaction.</summary>
public sealed class PaymentTests : IAsyncLifetime
{
    private readonly string _name = $"payments_{Guid.CreateVersion7():N}";
    private readonly Servers _servers = new();
    private readonly HttpClient _http = new();
    private WebApplication _service = null!;

    public async ValueTask InitializeAsync()
    {
        _service = await Service.CreateAsync("--urls=http://127.0.0.1:0", $"--ConnectionStrings:Database={await _servers.CreateDatabaseAsync(_name)}");
        await _service.StartAsync();
        _http.BaseAddress = new Uri(_service.Urls.First());
    }

    [Fact]
    public async Task Paying_off_the_last_fee_unblocks_the_customer_in_the_same_transaction()
    {
        var customer = await NewCustomerAsync();
        var fees = (await ChargeAsync(customer), await ChargeAsync(customer));
        Assert.True(await IsBlockedAsync(customer));

        Assert.Equal(HttpStatusCode.OK, await PayAsync(fees.Item1, "one"));
        Assert.True(await IsBlockedAsync(customer));
        Assert.Equal(HttpStatusCode.OK, await PayAsync(fees.Item2, "two"));
        Assert.False(await IsBlockedAsync(customer));
    }

    [Fact]
    public async Task A_payment_that_is_rolled_back_leaves_the_customer_blocked()
    {
        await PayAsync(await ChargeAsync(await NewCustomerAsync()), "line 7");
        var customer = await NewCustomerAsync();
        var fee = await ChargeAsync(customer);

        Assert.Equal(HttpStatusCode.Conflict, await PayAsync(fee, "line 7")); // paid off in memory, and then not saved

        Assert.True(await IsBlockedAsync(customer));
    }

    public async ValueTask DisposeAsync()
    {
        await _service.DisposeAsync();
        _http.Dispose();
        await _servers.DropDatabaseAsync(_name);
    }

    private async Task<Guid> NewCustomerAsync() => await PostAsync<Guid>("/customers", new { name = "Ann" });

    private async Task<Guid> ChargeAsync(Guid customer) =>
        await PostAsync<Guid>($"/customers/{customer}/fees", new { amount = 20, dueOn = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime) });

    private async Task<HttpStatusCode> PayAsync(Guid fee, string reference) =>
        (await _http.PostAsJsonAsync($"/fees/{fee}/payments", new { reference, amount = 20 })).StatusCode;

    private async Task<bool> IsBlockedAsync(Guid customer) =>
        (await _http.GetFromJsonAsync<JsonElement>($"/customers/{customer}")).GetProperty("isBlocked").GetBoolean();

    private async Task<T> PostAsync<T>(string path, object body)
    {
        var response = await _http.PostAsJsonAsync(path, body);
        response.EnsureSuccessStatusCode();
        return (await response.Content.ReadFromJsonAsync<T>())!;
    }
}
