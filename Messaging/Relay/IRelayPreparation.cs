using Npgsql;

namespace Shop.Messaging.Relay;

/// <summary>Prepares the database for the relay strategy that the service uses.</summary>
public interface IRelayPreparation
{
    /// <summary>Part of the migrate command. Idempotent, and safe while the service runs.</summary>
    /// <exception cref="InvalidOperationException">The database is not ready; the message explains what to do.</exception>
    Task PrepareAsync(CancellationToken ct);
}

/// <summary>For polling: nothing to prepare. Rejects a database that is still set up for log tailing.</summary>
internal sealed class RowPreparation(MessagingSettings settings) : IRelayPreparation
{
    public async Task PrepareAsync(CancellationToken ct)
    {
        await using var connection = new NpgsqlConnection(settings.Database);
        await connection.OpenAsync(ct);
        await using var command = new NpgsqlCommand(
            "SELECT string_agg(tgname, ', ') FROM pg_trigger WHERE tgrelid = to_regclass('outbox') AND NOT tgisinternal AND tgenabled <> 'D'",
            connection);
        if (await command.ExecuteScalarAsync(ct) is string triggers)
        {
            throw new InvalidOperationException($"The table outbox has the trigger {triggers}, which redirects events, and this service would "
                + "not publish them. If it is log tailing's: run migrate once with Messaging__Relay=Polling, or set Messaging__Relay=LogTailing again.");
        }
    }
}
