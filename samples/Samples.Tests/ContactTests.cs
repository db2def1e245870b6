using System.Net;
using System.Net.Http.Json;
using Contacts;
using Microsoft.AspNetCore.Builder;

namespace Samples.Tests;

/// <summary>Rows and their events, without a domain model.</summary>
public sealed class ContactTests : IAsyncLifetime
{
    private readonly string _name = $"contacts_{Guid.CreateVersion7():N}";
    private readonly Servers _servers = new();
    private readonly HttpClient _http = new();
    private WebApplication _service = null!;
    private Subscriber _subscriber = null!;

    public async ValueTask InitializeAsync()
    {
        var broker = await _servers.CreateVirtualHostAsync(_name);
        _subscriber = await Subscriber.StartAsync(_name, await _servers.CreateDatabaseAsync(_name + "_s"), broker);
        _service = await Service.CreateAsync(
            "--urls=http://127.0.0.1:0", $"--ConnectionStrings:Database={await _servers.CreateDatabaseAsync(_name)}", $"--ConnectionStrings:rabbitmq={broker}");
        await _service.StartAsync();
        _http.BaseAddress = new Uri(_service.Urls.First());
    }

    [Fact]
    public async Task A_contact_is_added_changed_and_removed_and_its_events_arrive_in_order()
    {
        var id = await AddAsync("ann@example.org");
        Assert.Equal(HttpStatusCode.NoContent, (await _http.PutAsJsonAsync($"/contacts/{id}", new { name = "Ann", email = "ann@example.com" })).StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await _http.DeleteAsync($"/contacts/{id}")).StatusCode);

        await Servers.UntilAsync(async () => (await _subscriber.EffectsAsync(id)).Count == 3, "three events are consumed");
        Assert.Equal([1, 2, 3], await _subscriber.EffectsAsync(id));
        Assert.Equal(HttpStatusCode.NotFound, (await _http.GetAsync($"/contacts/{id}")).StatusCode);
    }

    [Fact]
    public async Task A_change_that_is_refused_publishes_nothing()
    {
        await AddAsync("bob@example.org");
        var id = await AddAsync("cid@example.org");

        Assert.Equal(HttpStatusCode.Conflict, (await _http.PutAsJsonAsync($"/contacts/{id}", new { name = "Cid", email = "bob@example.org" })).StatusCode);
        await _http.DeleteAsync($"/contacts/{id}");

        await Servers.UntilAsync(async () => (await _subscriber.EffectsAsync(id)).Count == 2, "added and removed are consumed");
        await Servers.UntilAsync(() => Servers.ScalarAsync<bool>(_servers.ConnectionString(_name), "SELECT NOT EXISTS (SELECT FROM outbox)"), "nothing is left to publish");
        Assert.Equal(2, (await _subscriber.DeliveriesAsync(id)).Count);
    }

    public async ValueTask DisposeAsync()
    {
        await _service.DisposeAsync();
        await _subscriber.DisposeAsync();
        _http.Dispose();
        await _servers.DropDatabaseAsync(_name);
        await _servers.DropDatabaseAsync(_name + "_s");
    }

    private async Task<Guid> AddAsync(string email)
    {
        var response = await _http.PostAsJsonAsync("/contacts", new { name = "Ann", email });
        response.EnsureSuccessStatusCode();
        return await response.Content.ReadFromJsonAsync<Guid>();
    }
}
