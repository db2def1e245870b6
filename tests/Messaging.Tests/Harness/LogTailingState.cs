using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;
using Shop.Messaging.LogTailing;

namespace Shop.Messaging.Tests.Harness;

/// <summary>What an operator sees of log tailing.</summary>
internal static class LogTailingState
{
    /// <summary>The health check, with failures distinguished from warnings.</summary>
    public static HealthCheckResult CheckHealth(TestService service)
    {
        var check = ActivatorUtilities.CreateInstance<LogHealthCheck>(service.Services);
        return check.CheckHealthAsync(new HealthCheckContext
        {
            Registration = new HealthCheckRegistration("relay", check, HealthStatus.Unhealthy, []),
        }).Result;
    }

    public static Task HealthIsAsync(TestService service, HealthStatus status, string text) => Eventually.IsAsync(
        $"the health check reports {text}", () => Task.FromResult(CheckHealth(service) is var now ? (now.Status, now.Description) : default),
        health => health.Status == status && health.Description!.Contains(text, StringComparison.Ordinal));

    /// <summary>The gauges of this service alone.</summary>
    public static IReadOnlyDictionary<string, long> Measure(TestService service)
    {
        var status = service.Services.GetRequiredService<LogStatus>();
        var values = new Dictionary<string, long>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (ReferenceEquals(instrument.Meter.Scope, status))
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, _, _) => values[instrument.Name] = value);
        listener.SetMeasurementEventCallback<int>((instrument, value, _, _) => values[instrument.Name] = value);
        listener.Start();
        listener.RecordObservableInstruments();
        return values;
    }

    /// <summary>Asked as the superuser.</summary>
    public static async Task<T?> AdminScalarAsync<T>(this TestDatabase database, string sql)
    {
        await using var connection = new NpgsqlConnection(database.AdminConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync() is T value ? value : default;
    }
}
