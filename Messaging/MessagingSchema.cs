using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Migrations;
using Shop.Messaging.Inbox;
using Shop.Messaging.Outbox;

namespace Shop.Messaging;

/// <summary>
/// The messaging tables, the same in every service's database. They are created by a migration that calls
/// <see cref="CreateMessagingTables"/>, not by EF's model differ, which cannot say what they need: an identity column that EF
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

        CREATE TABLE idempotency_keys (
            caller text NOT NULL,
            key text NOT NULL,
            request_hash bytea NOT NULL,
            status integer NOT NULL,
            headers text NOT NULL,
            body bytea NOT NULL,
            created_at timestamptz NOT NULL,
            CONSTRAINT idempotency_keys_pkey PRIMARY KEY (caller, key)
        );
        CREATE INDEX idempotency_keys_created_at ON idempotency_keys USING brin (created_at) WITH (pages_per_range = 16);
        """;

    /// <summary>All statements that make the messaging tables, in their order, for a database that is set up without migrations.</summary>
    internal static IReadOnlyList<string> Steps => [Version1, .. InboxSchema.Partitioning, InboxSchema.KeptAsOwner];

    /// <summary>Creates the tables of outbox, inbox and HTTP idempotency. Never change it: add a new step for a new version.</summary>
    public static void CreateMessagingTables(this MigrationBuilder migration) => migration.Sql(Version1);

    /// <summary>Drops what <see cref="CreateMessagingTables"/> made.</summary>
    public static void DropMessagingTables(this MigrationBuilder migration) =>
        migration.Sql("DROP TABLE idempotency_keys, inbox, outbox_parked, outbox;");

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
        });
        model.Entity<InboxMessage>(inbox =>
        {
            inbox.ToTable("inbox", table => table.ExcludeFromMigrations());
            inbox.HasKey(message => new { message.EventId, message.Consumer });
        });
    }
}
