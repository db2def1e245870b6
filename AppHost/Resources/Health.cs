using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;
using Shop.Local.Servers;

namespace Shop.AppHost.Resources;

/// <summary>How servers are asked whether they are well.</summary>
internal static class Health
{
    /// <summary>Healthy when it answers a query; the connection is not kept.</summary>
    public static async Task<HealthCheckResult> OfPostgresAsync(IResourceWithConnectionString resource, CancellationToken ct)
    {
        try
        {
            var connectionString = await resource.GetConnectionStringAsync(ct);
            await using var connection = new NpgsqlConnection(connectionString + ";Pooling=false;Timeout=5");
            await connection.OpenAsync(ct);
            await using var command = new NpgsqlCommand("SELECT 1", connection);
            await command.ExecuteScalarAsync(ct);
            return HealthCheckResult.Healthy();
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or InvalidOperationException)
        {
            return HealthCheckResult.Unhealthy(e.Message);
        }
    }

    /// <summary>Healthy when clients are served and no alarm blocks publishers.</summary>
    public static async Task<HealthCheckResult> OfRabbitMqAsync(Func<RabbitMqManagement> connect, int port, CancellationToken ct)
    {
        using var management = connect();
        return await management.IsHealthyAsync(port, ct) ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy("The broker does not answer.");
    }
}
