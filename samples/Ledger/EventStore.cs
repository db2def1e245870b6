using System.Text.Json;
using Npgsql;

namespace Ledger;

/// <summary>The version that was read is not the newest any more: load the stream and decide again.</summary>
internal sealed class ConcurrencyConflictException(Guid stream) : Exception($"Stream {stream} has newer events.");

/// <summary>Streams of events in one table, which is the outbox as well: there is nothing else to write.</summary>
internal sealed class EventStore(NpgsqlDataSource database)
{
    private const string Schema = """
        CREATE TABLE IF NOT EXISTS events (
            transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
            number bigint GENERATED ALWAYS AS IDENTITY,
            id uuid NOT NULL UNIQUE,
            stream uuid NOT NULL,
            version integer NOT NULL,
            data jsonb NOT NULL,
            PRIMARY KEY (stream, version)
        );
        CREATE INDEX IF NOT EXISTS events_in_order ON events (transaction, number);
        CREATE TABLE IF NOT EXISTS positions (reader text PRIMARY KEY, transaction xid8 NOT NULL DEFAULT '0', number bigint NOT NULL DEFAULT 0);
        INSERT INTO positions (reader) VALUES ('publisher') ON CONFLICT DO NOTHING;
        """;

    /// <summary>One statement, so that a transaction gets its number after the stream was read: later versions have later places.</summary>
    private const string Append = """
        INSERT INTO events (id, stream, version, data) SELECT id, $1, $2 + place, data::jsonb
        FROM unnest($3, $4) WITH ORDINALITY AS e (id, data, place) ORDER BY place
        """;

    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { AllowOutOfOrderMetadataProperties = true }; // jsonb sorts

    public async Task CreateAsync()
    {
        await using var create = database.CreateCommand(Schema);
        await create.ExecuteNonQueryAsync();
    }

    public async Task AppendAsync(Guid stream, int version, IReadOnlyList<AccountEvent> events, CancellationToken ct)
    {
        await using var append = database.CreateCommand(Append);
        append.Parameters.Add(new() { Value = stream });
        append.Parameters.Add(new() { Value = version });
        append.Parameters.Add(new() { Value = events.Select(e => Guid.CreateVersion7(e.At)).ToArray() });
        append.Parameters.Add(new() { Value = events.Select(e => JsonSerializer.Serialize(e, s_json)).ToArray() });
        try
        {
            await append.ExecuteNonQueryAsync(ct);
        }
        catch (PostgresException e) when (e is { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: "events_pkey" })
        {
            throw new ConcurrencyConflictException(stream);
        }
    }

    public async Task<Account> LoadAsync(Guid stream, CancellationToken ct)
    {
        await using var load = database.CreateCommand("SELECT data FROM events WHERE stream = $1 ORDER BY version");
        load.Parameters.Add(new() { Value = stream });
        await using var reader = await load.ExecuteReaderAsync(ct);
        List<AccountEvent> events = [];
        while (await reader.ReadAsync(ct))
        {
            events.Add(Event(reader.GetString(0)));
        }

        return Account.From(events);
    }

    public static AccountEvent Event(string data) => JsonSerializer.Deserialize<AccountEvent>(data, s_json)!;
}
