using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Migrations;
using Shop.Messaging.Inbox;
using Shop.Messaging.Operations;
using Shop.Messaging.Outbox;

namespace Shop.Messaging;

/// <summary>
/// The messaging tables, the same in every service's database. They are created by a migration that calls
/// <see cref="CreateMessagingTables"/> (or by <see cref="CreateMessagingTablesAsync"/>), not by EF's model differ, which cannot express what
/// they need: an identity column that EF does not read back, one index only, partitions, storage settings for tables that are always
/// nearly empty.
/// </summary>
public static class MessagingSchema
{
    private const string Outbox = """
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

        -- Events that could not be published, and those that wait behind them: the head of a stream carries the attempts.
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
        """;

    private static readonly string s_create = $"{Outbox}\n\n{InboxSchema.Create}";

    /// <summary>
    /// Creates outbox, outbox_parked and inbox, with the functions that create and drop the inbox's partitions. A later version of the
    /// tables gets its own method: the result of this one never changes.
    /// </summary>
    public static void CreateMessagingTables(this MigrationBuilder migration)
    {
        ArgumentNullException.ThrowIfNull(migration);
        migration.Sql(s_create);
    }

    /// <summary>Drops what <see cref="CreateMessagingTables"/> created.</summary>
    public static void DropMessagingTables(this MigrationBuilder migration)
    {
        ArgumentNullException.ThrowIfNull(migration);
        migration.Sql($"DROP TABLE outbox_parked, outbox;\n{InboxSchema.Drop}");
    }

    /// <summary>
    /// Adds what operations need to the tables of <see cref="CreateMessagingTables"/>: columns of the inbox, jobs, the audit trail, discarded parked
    /// events and counts. Locks the inbox for a moment, rewrites nothing; an older version of the service works with it.
    /// </summary>
    public static void CreateOperationsTables(this MigrationBuilder migration)
    {
        ArgumentNullException.ThrowIfNull(migration);
        migration.Sql(OperationsSchema.Create);
    }

    /// <summary>Drops what <see cref="CreateOperationsTables"/> created.</summary>
    public static void DropOperationsTables(this MigrationBuilder migration)
    {
        ArgumentNullException.ThrowIfNull(migration);
        migration.Sql(OperationsSchema.Drop);
    }

    /// <summary>
    /// Creates the same tables where they are missing, all of them or none: for development and for services without migrations. Call it
    /// after EnsureCreatedAsync, which does nothing in a database that has tables. Safe to call at every start, by several
    /// instances concurrently; needs the right to create tables.
    /// </summary>
    public static async Task CreateMessagingTablesAsync(this DbContext db, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(db);
        await db.Database.OpenConnectionAsync(ct); // one session from the lock to its release
        try
        {
            await db.Database.ExecuteSqlRawAsync("SELECT pg_advisory_lock(hashtext('messaging tables'))", ct);
            await CreateIfMissingAsync(db, "outbox", s_create, ct);
            await CreateIfMissingAsync(db, "operations_jobs", OperationsSchema.Create, ct);
        }
        finally
        {
            await db.Database.ExecuteSqlRawAsync("SELECT pg_advisory_unlock(hashtext('messaging tables'))", CancellationToken.None);
            await db.Database.CloseConnectionAsync();
        }
    }

    private static async Task CreateIfMissingAsync(DbContext db, string table, string sql, CancellationToken ct)
    {
        if (await db.Database.SqlQuery<string?>($"SELECT to_regclass({table})::text AS \"Value\"").SingleAsync(ct) is null)
        {
            // One command is one transaction.
            await using var create = db.Database.GetDbConnection().CreateCommand();
            create.CommandText = sql;
            await create.ExecuteNonQueryAsync(ct);
        }
    }

    /// <summary>
    /// Maps outbox and inbox, so that their rows travel in the unit of work's SaveChanges. EF's key of the outbox is not the
    /// table's, whose identity is never read back; it begins with the position, by which EF orders its inserts.
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

    // Independent of the service's own naming convention.
    private static void NameColumns(IMutableEntityType entity)
    {
        foreach (var property in entity.GetProperties())
        {
            property.SetColumnName(JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name));
        }
    }
}
