using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using Npgsql;

namespace Tickets.Tests;

/// <summary>The servers that SHOP_TEST_POSTGRES, SHOP_TEST_RABBITMQ and SHOP_TEST_RABBITMQ_MANAGEMENT name.</summary>
internal sealed class Servers
{
    private readonly string _postgres = Setting("SHOP_TEST_POSTGRES");

    public string ConnectionString(string database) => new NpgsqlConnectionStringBuilder(_postgres) { Database = database }.ConnectionString;

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
