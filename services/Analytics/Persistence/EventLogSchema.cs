using Microsoft.EntityFrameworkCore.Migrations;

namespace Shop.Analytics.Persistence;

/// <summary>
/// The event log's table, which EF's model differ cannot express: partitioned by month, with a default partition. Partitions are
/// created and dropped by functions that run as their owner: the service's own login may only change rows.
/// </summary>
internal static class EventLogSchema
{
    /// <summary>Months after the current one that have a partition beforehand.</summary>
    public const int MonthsAhead = 3;

    private static readonly string s_create = $$"""
        CREATE TABLE event_log (
            event_id uuid NOT NULL,
            occurred_at timestamptz NOT NULL,
            type text NOT NULL,
            aggregate_id text NOT NULL,
            aggregate_version integer NOT NULL,
            body jsonb NOT NULL,
            received_at timestamptz NOT NULL,
            epoch integer NOT NULL,
            CONSTRAINT event_log_pkey PRIMARY KEY (event_id, occurred_at)
        ) PARTITION BY RANGE (occurred_at);
        CREATE INDEX event_log_occurred_at ON event_log (occurred_at, event_id);
        CREATE INDEX event_log_aggregate ON event_log (aggregate_id, occurred_at, event_id);

        -- Events that are years old or ahead of their time: an event is never refused for its date.
        CREATE TABLE event_log_default PARTITION OF event_log DEFAULT;

        CREATE TABLE event_log_state (
            only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
            epoch integer NOT NULL CHECK (epoch >= 1),
            kept_from date
        );
        INSERT INTO event_log_state (epoch) VALUES (1);

        -- Gives each month of the range a partition of its own where it has none, and moves there what the default one holds of it.
        -- Months are UTC, whatever the session's time zone. Safe to run from any number of places at once.
        CREATE FUNCTION ensure_event_log_partitions(first_day date, last_day date) RETURNS integer
        LANGUAGE plpgsql SECURITY DEFINER SET timezone = 'UTC' SET lock_timeout = '3s' SET search_path = public, pg_temp AS $$
        DECLARE
            month date;
            name text;
            created integer := 0;
        BEGIN
            PERFORM pg_advisory_xact_lock(hashtext('ensure_event_log_partitions'));
            FOR month IN
                SELECT generate_series(date_trunc('month', first_day::timestamp), last_day::timestamp, interval '1 month')::date
            LOOP
                name := 'event_log_' || to_char(month, 'YYYY_MM');
                CONTINUE WHEN to_regclass(quote_ident(name)) IS NOT NULL;
                -- Nobody adds to the default partition from here on, so that what is moved is all there is of the month.
                LOCK TABLE event_log_default IN ACCESS EXCLUSIVE MODE;
                EXECUTE format('CREATE TABLE %I (LIKE event_log INCLUDING DEFAULTS)', name);
                EXECUTE format('WITH moved AS (DELETE FROM event_log_default WHERE occurred_at >= %L AND occurred_at < %L RETURNING *)
                    INSERT INTO %I SELECT * FROM moved', month::timestamptz, (month + interval '1 month')::timestamptz, name);
                EXECUTE format('ALTER TABLE event_log ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                    name, month::timestamptz, (month + interval '1 month')::timestamptz);
                created := created + 1;
            END LOOP;
            RETURN created;
        END $$;

        -- Drops the log's partitions that end before a day. Not while a rebuild reads them: the next round does it.
        CREATE FUNCTION cut_event_log(first_kept date) RETURNS integer
        LANGUAGE plpgsql SECURITY DEFINER SET timezone = 'UTC' SET lock_timeout = '3s' SET search_path = public, pg_temp AS $$
        DECLARE
            name text;
            dropped integer := 0;
        BEGIN
            PERFORM pg_advisory_xact_lock(hashtext('ensure_event_log_partitions'));
            PERFORM lock_projections();
            IF EXISTS (SELECT FROM projection_rebuilds WHERE state = 'running') THEN
                RETURN 0;
            END IF;
            FOR name IN
                SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
                WHERE inhparent = 'event_log'::regclass AND relname ~ '^event_log_\d{4}_\d{2}$'
                    AND to_date(right(relname, 7), 'YYYY_MM') + interval '1 month' <= first_kept
                ORDER BY relname
            LOOP
                EXECUTE format('DROP TABLE %I', name);
                dropped := dropped + 1;
            END LOOP;
            IF dropped > 0 THEN
                UPDATE event_log_state SET kept_from = greatest(kept_from, first_kept);
            END IF;
            RETURN dropped;
        END $$;

        SELECT ensure_event_log_partitions((now() - interval '1 month')::date, (now() + interval '{{MonthsAhead}} months')::date);
        """;

    /// <summary>Creates the log with partitions for the months around now.</summary>
    public static void CreateEventLog(this MigrationBuilder migration) => migration.Sql(s_create);

    /// <summary>
    /// Adds each event's trace, by which a person finds it. Building the index of an existing log lets its consumer wait; the messages stay
    /// in the queue meanwhile.
    /// </summary>
    public static void AddTraces(this MigrationBuilder migration) => migration.Sql("""
        ALTER TABLE event_log ADD COLUMN trace_id uuid;
        CREATE INDEX event_log_trace ON event_log (trace_id);
        """);

    public static void DropTraces(this MigrationBuilder migration) => migration.Sql("ALTER TABLE event_log DROP COLUMN trace_id");

    public static void DropEventLog(this MigrationBuilder migration) => migration.Sql("""
        DROP FUNCTION cut_event_log(date), ensure_event_log_partitions(date, date);
        DROP TABLE event_log_state, event_log;
        """);
}
