namespace Shop.Messaging.Inbox;

/// <summary>
/// The inbox's table: a partition per day (UTC) of the event ids, which begin with the time at which the event was recorded
/// (UUIDv7). An id belongs to one partition, so the key is unique across all of them, and old rows are dropped with their partition. Ids outside
/// the partitions' days (events that are years old, ids that are not UUIDv7) are in <c>inbox_default</c>.
/// </summary>
internal static class InboxSchema
{
    /// <summary>Days after today that have a partition beforehand.</summary>
    public const int DaysAhead = 7;

    /// <summary>
    /// The table and its first partitions. Partitions are created and dropped by two functions that run as their owner, because the
    /// service's own login may only change rows.
    /// </summary>
    public static readonly string Create = $$"""
        CREATE TABLE inbox (
            event_id uuid NOT NULL,
            consumer text NOT NULL,
            processed_at timestamptz NOT NULL,
            CONSTRAINT inbox_pkey PRIMARY KEY (event_id, consumer)
        ) PARTITION BY RANGE (event_id);
        CREATE INDEX inbox_processed_at ON inbox USING brin (processed_at) WITH (pages_per_range = 16);
        CREATE TABLE inbox_default PARTITION OF inbox DEFAULT;

        -- The least event id of a day, UTC: 48 bits of milliseconds since 1970, and zeros.
        CREATE FUNCTION first_event_id(day date) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
            $$ SELECT (lpad(to_hex((extract(epoch FROM day::timestamp) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid $$;

        -- Gives each day of the range a partition where it has none, and moves there what inbox_default holds of it. Consumers of
        -- events that have a partition do not wait for it. Safe to run from any number of places at once.
        CREATE FUNCTION ensure_inbox_partitions(first_day date, last_day date) RETURNS integer
        LANGUAGE plpgsql SECURITY DEFINER SET lock_timeout = '1s' SET search_path = public, pg_temp AS $$
        DECLARE
            day date;
            name text;
            created integer := 0;
        BEGIN
            PERFORM pg_advisory_xact_lock(hashtext('inbox partitions'));
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
        CREATE FUNCTION drop_old_inbox_partition(kept_from timestamptz, move_at_most integer) RETURNS text
        LANGUAGE plpgsql SECURITY DEFINER SET timezone = 'UTC' SET lock_timeout = '500ms' SET search_path = public, pg_temp AS $$
        DECLARE
            name text;
            late bigint;
        BEGIN
            IF NOT pg_try_advisory_xact_lock(hashtext('inbox partitions')) THEN
                RETURN NULL; -- somebody else is at it
            END IF;
            FOR name IN
                SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
                WHERE inhparent = 'inbox'::regclass AND relname ~ '^inbox_\d{8}$'
                    AND to_date(right(relname, 8), 'YYYYMMDD') + 1 <= kept_from::date
                ORDER BY relname
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

        SELECT ensure_inbox_partitions((now() AT TIME ZONE 'UTC')::date - 1, (now() AT TIME ZONE 'UTC')::date + {{DaysAhead}});
        """;

    public const string Drop = """
        DROP TABLE inbox;
        DROP FUNCTION drop_old_inbox_partition(timestamptz, integer), ensure_inbox_partitions(date, date), first_event_id(date);
        """;
}
