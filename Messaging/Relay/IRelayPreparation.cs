using Npgsql;

namespace Shop.Messaging.Relay;

/// <summary>Brings the database to the way from a commit to the relay that the service uses.</summary>
public interface IRelayPreparation
{
    /// <summary>Part of the migrate command. May be called again, and while the service runs.</summary>
    /// <exception cref="InvalidOperationException">The database is not ready; the text says what to do.</exception>
    Task PrepareAsync(CancellationToken ct);
}

/// <summary>Events are rows, for which there is nothing to do: only a database whose events go elsewhere is refused.</summary>
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
            throw new InvalidOperationException($"The table outbox has the trigger {triggers}, which puts events elsewhere, and this service would "
                + "not send them. If it is log tailing's: run migrate once with Messaging__Relay=Polling, or set Messaging__Relay=LogTailing again.");
        }
    }
}
