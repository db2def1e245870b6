using Microsoft.EntityFrameworkCore.Migrations;

namespace Shop.Analytics.Persistence;

/// <summary>The event log's table, which EF's model differ cannot say: partitioned by month, with a place for every other month.</summary>
internal static class EventLogSchema
{
    /// <summary>Months after the current one that have a partition beforehand.</summary>
    public const int MonthsAhead = 3;

    private const string Version1 = """
        CREATE TABLE event_log (
            event_id uuid NOT NULL,
            occurred_at timestamptz NOT NULL,
            type text NOT NULL,
            aggregate_id text NOT NULL,
            aggregate_version integer NOT NULL,
            body jsonb NOT NULL,
            received_at timestamptz NOT NULL,
            CONSTRAINT event_log_pkey PRIMARY KEY (event_id, occurred_at)
        ) PARTITION BY RANGE (occurred_at);
        CREATE INDEX event_log_occurred_at ON event_log (occurred_at, event_id);
        CREATE INDEX event_log_aggregate ON event_log (aggregate_id, occurred_at, event_id);

        -- Events that are years old or ahead of their time: an event is never refused for its date.
        CREATE TABLE event_log_default PARTITION OF event_log DEFAULT;

        -- Gives each month of the range a partition of its own where it has none, and moves there what the default one holds of it.
        -- Months are UTC, whatever the session's time zone. Safe to run from any number of places at once.
        CREATE FUNCTION ensure_event_log_partitions(first_day date, last_day date) RETURNS integer
        LANGUAGE plpgsql SET timezone = 'UTC' SET lock_timeout = '3s' AS $$
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
        """;

    private const string SalesStorage = """
        -- A handful of rows that change with every order: room on the page for the next version, and vacuumed early.
        ALTER TABLE sales_per_day SET (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
        ALTER TABLE order_journeys SET (fillfactor = 70);
        """;

    /// <summary>Creates the log with partitions for the months around now.</summary>
    public static void CreateEventLog(this MigrationBuilder migration)
    {
        migration.Sql(Version1);
        migration.Sql(
            $"SELECT ensure_event_log_partitions((now() - interval '1 month')::date, (now() + interval '{MonthsAhead} months')::date);");
    }

    public static void DropEventLog(this MigrationBuilder migration) =>
        migration.Sql("DROP FUNCTION ensure_event_log_partitions(date, date); DROP TABLE event_log;");

    public static void TuneProjections(this MigrationBuilder migration) => migration.Sql(SalesStorage);
}
