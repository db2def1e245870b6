using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;

namespace Samples.Tests;

/// <summary>The servers that SHOP_TEST_POSTGRES, SHOP_TEST_RABBITMQ and SHOP_TEST_RABBITMQ_MANAGEMENT name.</summary>
internal sealed class Servers
{
    private readonly string _postgres = Setting("SHOP_TEST_POSTGRES");

    public string ConnectionString(string database) => new NpgsqlConnectionStringBuilder(_postgres) { Database = database }.ConnectionString;

    /// <summary>A new database; its connection string.</summary>
    public async Task<string> CreateDatabaseAsync(string name)
    {
        await ExecuteAsync($"CREATE DATABASE {name}");
        return ConnectionString(name);
    }

    /// <summary>Drops a database, with the replication slot that log tailing may have left.</summary>
    public async Task DropDatabaseAsync(string name)
    {
        NpgsqlConnection.ClearPool(new NpgsqlConnection(ConnectionString(name)));
        await UntilAsync(async () =>
        {
            await ExecuteAsync($"SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = '{name}' AND active");
            await ExecuteAsync($"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '{name}' AND NOT active");
            return await ScalarAsync<long>(_postgres, $"SELECT count(*) FROM pg_replication_slots WHERE database = '{name}'") == 0;
        }, $"the slot of {name} is dropped");
        await ExecuteAsync($"DROP DATABASE {name} WITH (FORCE)");
    }

    /// <summary>Waits for something that happens in its own time.</summary>
    public static async Task UntilAsync(Func<Task<bool>> condition, string what)
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (!await condition())
        {
            Assert.False(timeout.IsCancellationRequested, $"Did not come true: {what}.");
            await Task.Delay(20);
        }
    }

    /// <summary>
    /// Waits until the queues of a service are bound. A queue of the test is bound after that: an event that only it received would count as
    /// routed, and the service would miss it.
    /// </summary>
    public static Task DeclaredAsync(WebApplication service) => UntilAsync(async () =>
        (await service.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(check => check.Name == "topology declaration")).Status
            == HealthStatus.Healthy, "the queues are bound");

    public static async Task<T> ScalarAsync<T>(string connectionString, string sql)
    {
        await using var database = new NpgsqlConnection(connectionString);
        await database.OpenAsync();
        await using var command = new NpgsqlCommand(sql, database);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public async Task ExecuteAsync(string sql)
    {
        await using var server = new NpgsqlConnection(_postgres);
        await server.OpenAsync();
        await using var command = new NpgsqlCommand(sql, server);
        await command.ExecuteNonQueryAsync();
    }

    public async Task<Uri> CreateVirtualHostAsync(string name)
    {
        Uri broker = new(Setting("SHOP_TEST_RABBITMQ")), management = new(Setting("SHOP_TEST_RABBITMQ_MANAGEMENT"));
        using var http = new HttpClient { BaseAddress = new Uri(management, "api/") };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic",
            Convert.ToBase64String(Encoding.UTF8.GetBytes(Uri.UnescapeDataString(broker.UserInfo))));
        (await http.PutAsync($"vhosts/{name}", null)).EnsureSuccessStatusCode();
        var permissions = JsonContent.Create(new { configure = ".*", write = ".*", read = ".*" });
        await permissions.LoadIntoBufferAsync(); // else chunked, which the API does not take everywhere
        (await http.PutAsync($"permissions/{name}/{broker.UserInfo.Split(':')[0]}", permissions)).EnsureSuccessStatusCode();
        return new UriBuilder(broker) { Path = name }.Uri;
    }

    private static string Setting(string name) => Environment.GetEnvironmentVariable(name)
        ?? throw new InvalidOperationException($"{name} is not set. ./shop test --project Packages.Tests starts the servers and runs this.");
}
