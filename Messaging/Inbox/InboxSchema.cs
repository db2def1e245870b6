using Microsoft.EntityFrameworkCore.Migrations;

namespace Shop.Messaging.Inbox;

/// <summary>
/// The inbox's table: a partition per day (UTC) of the event ids, which begin with the time at which the event was recorded
/// (UUIDv7). An id belongs to one partition, so its key holds over all of them, and old rows go with their partition. Ids of no
/// day that has one (events that are years old, ids that are no UUIDv7) are in <c>inbox_default</c>.
/// </summary>
public static class InboxSchema
{
    /// <summary>Days after today that have a partition beforehand.</summary>
    internal const int DaysAhead = 7;

    private const string Functions = """
        -- The least event id of a day, UTC: 48 bits of milliseconds since 1970, and zeros.
        CREATE OR REPLACE FUNCTION first_event_id(day date) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
            $$ SELECT (lpad(to_hex((extract(epoch FROM day::timestamp) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid $$;

        -- Gives each day of the range a partition where it has none, and moves there what inbox_default holds of it. Consumers of
        -- events that have a partition do not wait for it. Safe to run from any number of places at once.
        CREATE OR REPLACE FUNCTION ensure_inbox_partitions(first_day date, last_day date) RETURNS integer
        LANGUAGE plpgsql SET lock_timeout = '1s' AS $$
        DECLARE
            day date;
            name text;
            created integer := 0;
        BEGIN
            PERFORM pg_advisory_xact_lock(hashtext('inbox partitions'));
            -- What was there before there were partitions has all days up to the one in its name.
            SELECT coalesce(greatest(first_day, max(to_date(right(relname, 8), 'YYYYMMDD'))), first_day) INTO first_day
                FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
                WHERE inhparent = 'inbox'::regclass AND relname ~ '^inbox_before_\d{8}$';
            FOR day IN SELECT generate_series(first_day::timestamp, last_day::timestamp, interval '1 day')::date LOOP
                name := 'inbox_' || to_char(day, 'YYYYMMDD');
                CONTINUE WHEN to_regclass(name) IS NOT NULL;
                -- Never vacuumed for its inserts: it is dropped as a whole.
                EXECUTE format('CREATE TABLE %I (LIKE inbox INCLUDING DEFAULTS, CONSTRAINT %I PRIMARY KEY (event_id, consumer))
                    WITH (autovacuum_vacuum_insert_threshold = -1)', name, name || '_pkey');
                -- Nobody adds to inbox_default from here on, so that what is moved is all there is of the day.
                LOCK TABLE inbox_default IN ACCESS EXCLUSIVE MODE;
                EXECUTE format('WITH moved AS (DELETE FROM inbox_default WHERE event_id >= %L AND event_id < %L RETURNING *)
                    INSERT INTO %I SELECT * FROM moved', first_event_id(day), first_event_id(day + 1), name);
                EXECUTE format('ALTER TABLE inbox ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                    name, first_event_id(day), first_event_id(day + 1));
                created := created + 1;
            END LOOP;
            RETURN created;
        END $$;

        -- Drops the oldest partition all of whose events were recorded before a time, and moves to inbox_default what was processed
        -- since: the few that came late. Gives up where consumers would have to wait for long. Returns its name; null if there is none.
        CREATE OR REPLACE FUNCTION drop_old_inbox_partition(kept_from timestamptz, move_at_most integer) RETURNS text
        LANGUAGE plpgsql SET timezone = 'UTC' SET lock_timeout = '500ms' AS $$
        DECLARE
            name text;
            late bigint;
        BEGIN
            IF NOT pg_try_advisory_xact_lock(hashtext('inbox partitions')) THEN
                RETURN NULL; -- somebody else is at it
            END IF;
            FOR name IN
                SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
                WHERE inhparent = 'inbox'::regclass AND relname ~ '^inbox_(before_)?\d{8}$'
                    AND to_date(right(relname, 8), 'YYYYMMDD') + CASE WHEN relname LIKE 'inbox_before_%' THEN 0 ELSE 1 END <= kept_from::date
                ORDER BY right(relname, 8)
            LOOP
                EXECUTE format('SELECT count(*) FROM (SELECT FROM %I WHERE processed_at >= $1 LIMIT $2 + 1) AS late', name)
                    USING kept_from, move_at_most INTO late;
                CONTINUE WHEN late > move_at_most;
                EXECUTE format('ALTER TABLE inbox DETACH PARTITION %I', name);
                EXECUTE format('INSERT INTO inbox SELECT * FROM %I WHERE processed_at >= $1', name) USING kept_from;
                EXECUTE format('DROP TABLE %I', name);
                RETURN name;
            END LOOP;
            RETURN NULL;
        END $$;

        -- The version before partitions removed old rows by ctid, which tells rows of one table apart and not those of partitions.
        CREATE OR REPLACE FUNCTION refuse_inbox_delete_by_ctid() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF current_query() LIKE '%ctid%' THEN
                RAISE EXCEPTION 'rows of the inbox cannot be deleted by ctid: it has partitions'
                    USING ERRCODE = 'feature_not_supported', HINT = 'They go with their partition.';
            END IF;
            RETURN NULL;
        END $$;
        """;

    /// <summary>
    /// The old table is to be the partition of all that was recorded before a day to come. Proved to hold nothing else while
    /// consumers go on writing, so that the swap has nothing to read. Ids of later days are set aside: a clock that was ahead, or
    /// no UUIDv7.
    /// </summary>
    private const string Bound = """
        DO $$
        DECLARE
            bound date := (now() AT TIME ZONE 'UTC')::date + 8;
            old text;
        BEGIN
            IF (SELECT relkind FROM pg_class WHERE oid = 'inbox'::regclass) = 'p' THEN
                RETURN;
            END IF;
            FOR old IN SELECT conname FROM pg_constraint WHERE conrelid = 'inbox'::regclass AND conname ~ '^inbox_before_\d{8}$' LOOP
                EXECUTE format('ALTER TABLE inbox DROP CONSTRAINT %I', old);
            END LOOP;
            LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE;
            CREATE TABLE IF NOT EXISTS inbox_default (LIKE inbox, CONSTRAINT inbox_default_pkey PRIMARY KEY (event_id, consumer));
            EXECUTE format('WITH moved AS (DELETE FROM inbox WHERE event_id >= %L RETURNING *) INSERT INTO inbox_default SELECT * FROM moved',
                first_event_id(bound));
            EXECUTE format('WITH moved AS (DELETE FROM inbox_default WHERE event_id < %L RETURNING *) INSERT INTO inbox SELECT * FROM moved',
                first_event_id(bound)); -- set aside by a run on an earlier day, which broke off
            EXECUTE format('ALTER TABLE inbox ADD CONSTRAINT %I CHECK (event_id < %L) NOT VALID',
                'inbox_before_' || to_char(bound, 'YYYYMMDD'), first_event_id(bound));
        END $$;
        """;

    private const string Validate = """
        DO $$
        DECLARE
            bound text;
        BEGIN
            FOR bound IN SELECT conname FROM pg_constraint WHERE conrelid = 'inbox'::regclass AND conname ~ '^inbox_before_\d{8}$' LOOP
                EXECUTE format('ALTER TABLE inbox VALIDATE CONSTRAINT %I', bound);
            END LOOP;
        END $$;
        """;

    private static readonly string s_swap = $$"""
        DO $$
        DECLARE
            today date := (now() AT TIME ZONE 'UTC')::date;
            old text;
        BEGIN
            IF (SELECT relkind FROM pg_class WHERE oid = 'inbox'::regclass) = 'p' THEN
                RETURN;
            END IF;
            LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE;
            SELECT conname INTO STRICT old FROM pg_constraint WHERE conrelid = 'inbox'::regclass AND conname ~ '^inbox_before_\d{8}$';
            IF EXISTS (SELECT FROM inbox) THEN
                EXECUTE format('ALTER TABLE inbox RENAME TO %I', old);
                EXECUTE format('ALTER INDEX inbox_pkey RENAME TO %I', old || '_pkey');
                EXECUTE format('ALTER INDEX inbox_processed_at RENAME TO %I', old || '_processed_at_idx');
            ELSE
                DROP TABLE inbox;
                old := NULL;
            END IF;

            CREATE TABLE inbox (
                event_id uuid NOT NULL,
                consumer text NOT NULL,
                processed_at timestamptz NOT NULL,
                CONSTRAINT inbox_pkey PRIMARY KEY (event_id, consumer)
            ) PARTITION BY RANGE (event_id);
            CREATE INDEX inbox_processed_at ON inbox USING brin (processed_at) WITH (pages_per_range = 16);
            ALTER TABLE inbox ATTACH PARTITION inbox_default DEFAULT;
            IF old IS NOT NULL THEN
                EXECUTE format('ALTER TABLE inbox ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (%L)',
                    old, first_event_id(to_date(right(old, 8), 'YYYYMMDD')));
                EXECUTE format('ALTER TABLE %1$I DROP CONSTRAINT %1$I', old);
            END IF;

            CREATE TRIGGER refuse_inbox_delete_by_ctid BEFORE DELETE ON inbox
                FOR EACH STATEMENT EXECUTE FUNCTION refuse_inbox_delete_by_ctid();
            PERFORM ensure_inbox_partitions(today - 1, today + {{DaysAhead}});
        END $$;
        """;

    private const string Undo = """
        CREATE TABLE inbox_undone (
            event_id uuid NOT NULL,
            consumer text NOT NULL,
            processed_at timestamptz NOT NULL
        ) WITH (autovacuum_vacuum_insert_scale_factor = 0.05);
        LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE;
        INSERT INTO inbox_undone SELECT event_id, consumer, processed_at FROM inbox;
        DROP TABLE inbox;
        DROP FUNCTION refuse_inbox_delete_by_ctid(), drop_old_inbox_partition(timestamptz, integer), ensure_inbox_partitions(date, date),
            first_event_id(date);
        ALTER TABLE inbox_undone RENAME TO inbox;
        ALTER TABLE inbox ADD CONSTRAINT inbox_pkey PRIMARY KEY (event_id, consumer);
        CREATE INDEX inbox_processed_at ON inbox USING brin (processed_at) WITH (pages_per_range = 16);
        """;

    /// <summary>The steps in their order. Each is a transaction of its own, and all of them may be run again.</summary>
    internal static IReadOnlyList<string> Partitioning { get; } = [Functions, Bound, Validate, s_swap];

    /// <summary>
    /// Gives the inbox its partitions. The rows that are there stay where they are, and consumers of the old version go on: no
    /// lock is held for longer than it takes to write a few rows of the catalog.
    /// </summary>
    public static void PartitionInbox(this MigrationBuilder migration)
    {
        ArgumentNullException.ThrowIfNull(migration);
        foreach (var step in Partitioning)
        {
            migration.Sql(step, suppressTransaction: true);
        }
    }

    /// <summary>
    /// Lets the service's own login, which may only change rows, have partitions made and dropped: by these two functions, as whoever
    /// owns them.
    /// </summary>
    internal const string KeptAsOwner = """
        ALTER FUNCTION ensure_inbox_partitions(date, date) SECURITY DEFINER SET search_path = public, pg_temp;
        ALTER FUNCTION drop_old_inbox_partition(timestamptz, integer) SECURITY DEFINER SET search_path = public, pg_temp;
        """;

    /// <inheritdoc cref="KeptAsOwner"/>
    public static void KeepInboxAsOwner(this MigrationBuilder migration)
    {
        ArgumentNullException.ThrowIfNull(migration);
        migration.Sql(KeptAsOwner);
    }

    /// <summary>Undoes <see cref="KeepInboxAsOwner"/>.</summary>
    public static void KeepInboxAsCaller(this MigrationBuilder migration)
    {
        ArgumentNullException.ThrowIfNull(migration);
        migration.Sql("""
            ALTER FUNCTION ensure_inbox_partitions(date, date) SECURITY INVOKER RESET search_path;
            ALTER FUNCTION drop_old_inbox_partition(timestamptz, integer) SECURITY INVOKER RESET search_path;
            """);
    }

    /// <summary>Undoes <see cref="PartitionInbox"/>. Copies all rows, while consumers wait.</summary>
    public static void UnpartitionInbox(this MigrationBuilder migration)
    {
        ArgumentNullException.ThrowIfNull(migration);
        migration.Sql(Undo);
    }
}
