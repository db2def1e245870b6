using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Shop.Messaging.Outbox;

namespace Shop.Messaging.Relay;

/// <summary>Wakes this process's relay on commits of other processes, by LISTEN/NOTIFY. Without it events wait for the poll.</summary>
internal sealed partial class OutboxListener(
    MessagingSettings settings, OutboxSignal signal, TimeProvider clock, ILogger<OutboxListener> logger) : BackgroundService
{
    public const string Channel = "outbox";

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await ListenAsync(stoppingToken);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                LogLost(e.Message);
                await Task.Delay(TimeSpan.FromSeconds(2), clock, stoppingToken);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task ListenAsync(CancellationToken ct)
    {
        var own = new NpgsqlConnectionStringBuilder(settings.Database)
        {
            Pooling = false,
            KeepAlive = 30,
            ApplicationName = settings.Service + " listener",
        };
        await using var connection = new NpgsqlConnection(own.ConnectionString);
        await connection.OpenAsync(ct);
        connection.Notification += (_, _) => signal.SetByOtherProcess();
        await using (var command = new NpgsqlCommand($"LISTEN {Channel}", connection))
        {
            await command.ExecuteNonQueryAsync(ct);
        }

        while (true)
        {
            await connection.WaitAsync(ct);
        }
    }

    [LoggerMessage(LogLevel.Warning, "Outbox listener lost its connection; reconnecting: {Reason}")]
    private partial void LogLost(string reason);
}
