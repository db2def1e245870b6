using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Migrations;
using Shop.Messaging.Inbox;
using Shop.Messaging.Outbox;

namespace Shop.Messaging;

/// <summary>
/// The messaging tables, the same in every service's database. They are created by a migration that calls
/// <see cref="CreateMessagingTables"/> (or by <see cref="CreateMessagingTablesAsync"/>), not by EF's model differ, which cannot say what they need: an identity column that EF
/// does not read back, one index only, storage settings for tables that are always nearly empty.
/// </summary>
public static class MessagingSchema
{
    internal const string Version1 = """
        -- seq is the only index: rows come in by identity and leave from the low end. Vacuum early, because every row dies.
        CREATE TABLE outbox (
            seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            position integer NOT NULL DEFAULT 0,
            event_id uuid NOT NULL,
            stream text NOT NULL,
            partition smallint NOT NULL,
            type text NOT NULL,
            headers text NOT NULL,
            body bytea NOT NULL
        ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);

        -- What could not be sent, and what must wait behind it: the head of a stream carries the attempts.
        CREATE TABLE outbox_parked (
            seq bigint PRIMARY KEY,
            event_id uuid NOT NULL,
            stream text NOT NULL,
            partition smallint NOT NULL,
            type text NOT NULL,
            headers text NOT NULL,
            body bytea NOT NULL,
            attempts integer NOT NULL,
            next_attempt_at timestamptz NOT NULL,
            parked_at timestamptz NOT NULL,
            error text NOT NULL
        );
        CREATE INDEX outbox_parked_stream ON outbox_parked (partition, stream, seq);

        CREATE TABLE inbox (
            event_id uuid NOT NULL,
            consumer text NOT NULL,
            processed_at timestamptz NOT NULL,
            CONSTRAINT inbox_pkey PRIMARY KEY (event_id, consumer)
        ) WITH (autovacuum_vacuum_insert_scale_factor = 0.05);
        CREATE INDEX inbox_processed_at ON inbox USING brin (processed_at) WITH (pages_per_range = 16);
        """;

    // What the last step does.
    private const string IsComplete = """
        SELECT EXISTS (SELECT FROM pg_proc WHERE prosecdef
            AND oid = to_regprocedure('drop_old_inbox_partition(timestamp with time zone, integer)')) AS "Value"
        """;

    /// <summary>All statements that make the messaging tables, in their order, for a database that is set up without migrations.</summary>
    internal static IReadOnlyList<string> Steps => [Version1, .. InboxSchema.Partitioning, InboxSchema.KeptAsOwner];

    /// <summary>Creates the tables of outbox and inbox. Never change it: add a new step for a new version.</summary>
    public static void CreateMessagingTables(this MigrationBuilder migration) => migration.Sql(Version1);

    /// <summary>Drops what <see cref="CreateMessagingTables"/> made.</summary>
    public static void DropMessagingTables(this MigrationBuilder migration) =>
        migration.Sql("DROP TABLE inbox, outbox_parked, outbox;");

    /// <summary>
    /// Creates the messaging tables where they are missing, all that the migrations' steps make: for development and for services without
    /// migrations. Call it after EnsureCreatedAsync, which does nothing in a database that has tables. Safe to call at every start, of
    /// several instances at once; needs the right to create tables.
    /// </summary>
    public static async Task CreateMessagingTablesAsync(this DbContext db, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(db);
        await db.Database.OpenConnectionAsync(ct); // one session from the lock to its release
        try
        {
            await db.Database.ExecuteSqlRawAsync("SELECT pg_advisory_lock(hashtext('messaging tables'))", ct);
            var steps = await db.Database.SqlQueryRaw<string?>("SELECT to_regclass('outbox')::text AS \"Value\"").SingleAsync(ct) is null
                ? Steps
                : await db.Database.SqlQueryRaw<bool>(IsComplete).SingleAsync(ct) ? [] : Steps.Skip(1);
            foreach (var step in steps)
            {
                await using var command = db.Database.GetDbConnection().CreateCommand();
                command.CommandText = step;
                await command.ExecuteNonQueryAsync(ct);
            }
        }
        finally
        {
            await db.Database.ExecuteSqlRawAsync("SELECT pg_advisory_unlock(hashtext('messaging tables'))", CancellationToken.None);
            await db.Database.CloseConnectionAsync();
        }
    }

    /// <summary>
    /// Maps outbox and inbox, so that their rows travel in the unit of work's SaveChanges. EF's key of the outbox is not the
    /// table's, whose identity is never read back; it begins with the position, by which EF sorts what it inserts.
    /// </summary>
    public static void MapMessaging(this ModelBuilder model)
    {
        model.Entity<OutboxMessage>(outbox =>
        {
            outbox.ToTable("outbox", table => table.ExcludeFromMigrations());
            outbox.HasKey(message => new { message.Position, message.EventId });
            NameColumns(outbox.Metadata);
        });
        model.Entity<InboxMessage>(inbox =>
        {
            inbox.ToTable("inbox", table => table.ExcludeFromMigrations());
            inbox.HasKey(message => new { message.EventId, message.Consumer });
            NameColumns(inbox.Metadata);
        });
    }

    // Whatever names the service gives to its own.
    private static void NameColumns(IMutableEntityType entity)
    {
        foreach (var property in entity.GetProperties())
        {
            property.SetColumnName(JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name));
        }
    }
}
