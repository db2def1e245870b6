using System.Net;
using System.Net.Http.Json;
using Ledger;
using Microsoft.AspNetCore.Builder;
using Npgsql;
using Shop.Testing;

namespace Samples.Tests;

/// <summary>The store's events are published: all, in the order of their streams, whatever is committed when.</summary>
public sealed class LedgerTests : IAsyncLifetime
{
    private readonly string _name = $"ledger_{Guid.CreateVersion7():N}";
    private readonly Servers _servers = new();
    private string _database = null!;

    public async ValueTask InitializeAsync() => _database = await _servers.CreateDatabaseAsync(_name);

    [Fact]
    public async Task An_event_that_is_committed_after_a_later_number_is_not_skipped()
    {
        await using var data = NpgsqlDataSource.Create(_database);
        var store = new EventStore(data);
        await store.CreateAsync();
        await using var late = await data.OpenConnectionAsync();
        await using var transaction = await late.BeginTransactionAsync();
        Guid first = Guid.CreateVersion7(), second = Guid.CreateVersion7();
        await using (var insert = new NpgsqlCommand("INSERT INTO events (id, stream, version, data) VALUES ($1, $2, 1, $3::jsonb)", late))
        {
            insert.Parameters.Add(new() { Value = Guid.CreateVersion7() });
            insert.Parameters.Add(new() { Value = first });
            insert.Parameters.Add(new() { Value = """{"$type":"opened","owner":"Ann","at":"2026-05-01T12:00:00Z"}""" });
            await insert.ExecuteNonQueryAsync();
        }

        await store.AppendAsync(second, 0, Account.Open("Bob", 20, TimeProvider.System.GetUtcNow()), default);
        await using var session = await data.OpenConnectionAsync();
        var before = await PublishAsync(session);
        await transaction.CommitAsync();

        List<Guid> published = [.. before];
        await Servers.UntilAsync(async () =>
        {
            published.AddRange(await PublishAsync(session));
            return published.Count >= 3;
        }, $"all three events are published, after {before.Count} before the commit");
        Assert.Empty(before); // the second was complete, but not all before it
        Assert.Equal([first, second, second], published);
    }

    [Fact]
    public async Task Two_services_of_one_store_publish_everything_once_and_in_order_while_many_append()
    {
        const int Accounts = 8, Withdrawals = 12;
        var broker = await _servers.CreateVirtualHostAsync(_name);
        await using var subscriber = await Subscriber.StartAsync(_name, await _servers.CreateDatabaseAsync(_name + "_s"), broker);
        await using var one = await StartAsync(broker);
        await using var other = await StartAsync(broker);
        using var http = new HttpClient { BaseAddress = new Uri(one.Urls.First()) };

        var accounts = await Task.WhenAll(Enumerable.Range(0, Accounts).Select(async _ =>
        {
            var id = await (await http.PostAsJsonAsync("/accounts", new { owner = "Ann", deposit = Withdrawals })).Content.ReadFromJsonAsync<Guid>();
            for (var i = 0; i < Withdrawals; i++)
            {
                (await http.PostAsJsonAsync($"/accounts/{id}/withdrawals", new { amount = 1 })).EnsureSuccessStatusCode();
            }

            return id;
        }));

        Assert.Equal(HttpStatusCode.Conflict, (await http.PostAsJsonAsync($"/accounts/{accounts[0]}/withdrawals", new { amount = 1 })).StatusCode);
        foreach (var account in accounts)
        {
            await Servers.UntilAsync(async () => (await subscriber.EffectsAsync(account)).Count > Withdrawals, "the events of an account are consumed");
            Assert.Equal(Enumerable.Range(2, Withdrawals + 1), await subscriber.EffectsAsync(account)); // version 1, the opening, is not published
            Assert.Equal(Withdrawals + 1, (await subscriber.DeliveriesAsync(account)).Count);
        }

        await subscriber.DisposeAsync();
        await _servers.DropDatabaseAsync(_name + "_s");
    }

    [Fact]
    public async Task When_a_publisher_loses_the_broker_another_takes_over()
    {
        var broker = await _servers.CreateVirtualHostAsync(_name);
        await using var subscriber = await Subscriber.StartAsync(_name, await _servers.CreateDatabaseAsync(_name + "_s"), broker);
        await using var wire = FaultyWire.ToBroker(broker);
        await using var one = await StartAsync(wire.Over(broker));
        using var http = new HttpClient { BaseAddress = new Uri(one.Urls.First()) };
        await ArrivesAsync(); // so that this one has the lock
        await using var other = await StartAsync(broker);

        wire.Lose();
        await ArrivesAsync();

        await subscriber.DisposeAsync();
        await _servers.DropDatabaseAsync(_name + "_s");

        async Task ArrivesAsync()
        {
            var id = await (await http.PostAsJsonAsync("/accounts", new { owner = "Ann", deposit = 20 })).Content.ReadFromJsonAsync<Guid>();
            await Servers.UntilAsync(async () => (await subscriber.EffectsAsync(id)).Count > 0, "the event of a new account arrives");
        }
    }

    [Fact]
    public async Task Of_two_decisions_on_the_same_version_one_is_stored()
    {
        await using var data = NpgsqlDataSource.Create(_database);
        var store = new EventStore(data);
        await store.CreateAsync();
        var (id, now) = (Guid.CreateVersion7(), TimeProvider.System.GetUtcNow());
        await store.AppendAsync(id, 0, Account.Open("Ann", 20, now), default);
        var account = await store.LoadAsync(id, default);

        await store.AppendAsync(id, account.Version, [account.Withdraw(20, now)], default);
        await Assert.ThrowsAsync<ConcurrencyConflictException>(() => store.AppendAsync(id, account.Version, [account.Withdraw(20, now)], default));

        Assert.Equal(new Account(3, 0), await store.LoadAsync(id, default));
    }

    public async ValueTask DisposeAsync() => await _servers.DropDatabaseAsync(_name);

    /// <summary>One round of the publisher, without the broker.</summary>
    private static async Task<IReadOnlyList<Guid>> PublishAsync(NpgsqlConnection session)
    {
        var ready = await Position.ReadyAsync(session, default);
        if (ready.Count > 0)
        {
            await Position.MarkPublishedAsync(session, ready[^1], default);
        }

        return [.. ready.Select(e => e.Stream)];
    }

    private async Task<WebApplication> StartAsync(Uri broker)
    {
        var service = await Service.CreateAsync("--urls=http://127.0.0.1:0", $"--ConnectionStrings:Database={_database}", $"--ConnectionStrings:rabbitmq={broker}");
        await service.StartAsync();
        return service;
    }
}
