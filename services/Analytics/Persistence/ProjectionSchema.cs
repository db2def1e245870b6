using Microsoft.EntityFrameworkCore.Migrations;

namespace Shop.Analytics.Persistence;

/// <summary>
/// What rebuilds need and EF's model differ cannot say: epochs of the log, the shadow of each projection's table in a schema of
/// its own, and the functions that hold the protocol between those who log events and those who rebuild.
/// </summary>
internal static class ProjectionSchema
{
    // A statement of its own each, outside the migration's transaction: the tables may be big, and consumers of the old version
    // keep writing to them. Each may be run again after a failure, as nothing is recorded until all of them are through.
    private static readonly string[] s_onlineSteps =
    [
        "DROP INDEX CONCURRENTLY IF EXISTS order_journeys_placed_at",
        "CREATE INDEX CONCURRENTLY order_journeys_placed_at ON order_journeys (placed_at)",

        // NOT VALID takes the lock for a moment only; the check of what is there already comes after it and lets everybody work.
        """
        ALTER TABLE order_journeys DROP CONSTRAINT IF EXISTS ck_order_journeys_total, DROP CONSTRAINT IF EXISTS ck_order_journeys_currency,
            ADD CONSTRAINT ck_order_journeys_total CHECK (total >= 0) NOT VALID,
            ADD CONSTRAINT ck_order_journeys_currency CHECK (currency ~ '^[A-Z]{3}$') NOT VALID
        """,
        "ALTER TABLE order_journeys VALIDATE CONSTRAINT ck_order_journeys_total, VALIDATE CONSTRAINT ck_order_journeys_currency",
        """
        ALTER TABLE sales_per_day DROP CONSTRAINT IF EXISTS ck_sales_per_day_counts, DROP CONSTRAINT IF EXISTS ck_sales_per_day_amounts,
            DROP CONSTRAINT IF EXISTS ck_sales_per_day_currency,
            ADD CONSTRAINT ck_sales_per_day_counts CHECK (orders >= 0 AND units >= orders AND cancelled_orders >= 0) NOT VALID,
            ADD CONSTRAINT ck_sales_per_day_amounts CHECK (revenue >= 0 AND cancelled_revenue >= 0) NOT VALID,
            ADD CONSTRAINT ck_sales_per_day_currency CHECK (currency ~ '^[A-Z]{3}$') NOT VALID
        """,
        """
        ALTER TABLE sales_per_day VALIDATE CONSTRAINT ck_sales_per_day_counts, VALIDATE CONSTRAINT ck_sales_per_day_amounts,
            VALIDATE CONSTRAINT ck_sales_per_day_currency
        """,
    ];

    private const string Epochs = """
        -- What is logged already is of epoch 0. An instance of the version before this one names no epoch: what it logs gets the
        -- last one there is, and is noted, because that version does not know all projections and no rebuild.
        ALTER TABLE event_log ADD COLUMN epoch integer NOT NULL DEFAULT 0;
        ALTER TABLE event_log ALTER COLUMN epoch SET DEFAULT 2147483647;

        CREATE TABLE unprojected_events (
            event_id uuid NOT NULL,
            occurred_at timestamptz NOT NULL,
            CONSTRAINT unprojected_events_pkey PRIMARY KEY (event_id, occurred_at)
        );
        CREATE FUNCTION note_unprojected_event() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO unprojected_events VALUES (NEW.event_id, NEW.occurred_at);
            RETURN NULL;
        END $$;
        CREATE TRIGGER note_unprojected_event AFTER INSERT ON event_log
            FOR EACH ROW WHEN (NEW.epoch = 2147483647) EXECUTE FUNCTION note_unprojected_event();

        CREATE TABLE event_log_state (
            only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
            epoch integer NOT NULL CHECK (epoch >= 1),
            kept_from date
        );
        INSERT INTO event_log_state (epoch) VALUES (1);
        """;

    private const string Functions = """
        -- Held by whoever starts or ends a rebuild or cuts the log: then nobody is between logging an event and committing it.
        CREATE FUNCTION lock_projections() RETURNS void LANGUAGE sql AS
            $$ SELECT pg_advisory_xact_lock(hashtext('analytics projections')) $$;
        CREATE FUNCTION share_projections() RETURNS void LANGUAGE sql AS
            $$ SELECT pg_advisory_xact_lock_shared(hashtext('analytics projections')) $$;

        -- Adds an event to the log. In a function of its own, because each statement of one sees what was committed before it: epoch
        -- and rebuilds have to be read after the lock is held.
        CREATE FUNCTION log_event(id uuid, occurred timestamptz, name text, aggregate text, version integer, event jsonb,
            received timestamptz, OUT is_new boolean, OUT building text[])
        LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM share_projections();
            INSERT INTO event_log (event_id, occurred_at, type, aggregate_id, aggregate_version, body, received_at, epoch)
                SELECT id, occurred, name, aggregate, version, event, received, epoch FROM event_log_state
                ON CONFLICT DO NOTHING;
            is_new := FOUND;
            building := ARRAY(SELECT projection FROM projection_rebuilds WHERE state = 'running');
        END $$;

        -- Takes what the version before this one logged, as if it were logged now.
        CREATE FUNCTION take_unprojected_events(at_most integer) RETURNS TABLE (type text, body jsonb, building text[])
        LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM share_projections();
            RETURN QUERY
                WITH taken AS (
                    DELETE FROM unprojected_events AS u WHERE (u.event_id, u.occurred_at) IN (
                        SELECT n.event_id, n.occurred_at FROM unprojected_events AS n LIMIT at_most FOR UPDATE SKIP LOCKED)
                    RETURNING u.event_id, u.occurred_at)
                UPDATE event_log AS log SET epoch = state.epoch
                FROM taken, event_log_state AS state
                WHERE log.event_id = taken.event_id AND log.occurred_at = taken.occurred_at
                RETURNING log.type, log.body, ARRAY(SELECT projection FROM projection_rebuilds WHERE state = 'running');
        END $$;

        -- Drops the log's partitions that end before a day. Not while a rebuild reads them: the next round does it.
        CREATE FUNCTION cut_event_log(first_kept date) RETURNS integer
        LANGUAGE plpgsql SET timezone = 'UTC' SET lock_timeout = '3s' AS $$
        DECLARE
            name text;
            dropped integer := 0;
        BEGIN
            PERFORM pg_advisory_xact_lock(hashtext('ensure_event_log_partitions'));
            PERFORM lock_projections();
            IF EXISTS (SELECT FROM projection_rebuilds WHERE state = 'running') OR EXISTS (SELECT FROM unprojected_events) THEN
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
        """;

    private const string FirstBuild = """
        -- The projections that are new are built from the log by the service, in small steps, like any rebuild.
        INSERT INTO projection_rebuilds (id, projection, state, epoch, events_done, after_time, after_event, started_at)
        SELECT gen_random_uuid(), name, 'running', 1, 0, '-infinity', '00000000-0000-0000-0000-000000000000', clock_timestamp()
        FROM unnest(ARRAY['best-sellers', 'rejections', 'stock-outs']) AS name
        WHERE EXISTS (SELECT FROM event_log);
        """;

    private static readonly (string Table, string Key, string Storage)[] s_projections =
    [
        ("sales_per_day", "day, currency", "fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500"),
        ("order_journeys", "order_id", "fillfactor = 70"),
        ("sold_lines", "order_id, sku", "fillfactor = 100"),
        ("rejections_per_day", "day, reason, sku", "fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500"),
        ("stock_outs_per_day", "day, sku", "fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500"),
    ];

    /// <summary>The index and the constraints of tables that are there already. Call it first.</summary>
    public static void ConstrainProjectionsOnline(this MigrationBuilder migration)
    {
        foreach (var step in s_onlineSteps)
        {
            migration.Sql(step, suppressTransaction: true);
        }
    }

    /// <summary>Epochs, shadows and functions; then the new projections' first build. Call it last.</summary>
    public static void CreateRebuilds(this MigrationBuilder migration)
    {
        migration.Sql(Epochs);
        migration.Sql("CREATE SCHEMA rebuild; CREATE SCHEMA rebuild_switch;");
        foreach (var (table, key, storage) in s_projections)
        {
            // Names are those of the live table: the two change places by changing schemas.
            migration.Sql($"""
                CREATE TABLE rebuild.{table} (LIKE {table} INCLUDING ALL EXCLUDING INDEXES);
                ALTER TABLE rebuild.{table} ADD CONSTRAINT pk_{table} PRIMARY KEY ({key});
                ALTER TABLE {table} SET ({storage});
                ALTER TABLE rebuild.{table} SET ({storage});
                """);
        }

        migration.Sql("""
            CREATE INDEX order_journeys_placed_at ON rebuild.order_journeys (placed_at);
            CREATE INDEX sold_lines_day ON sold_lines (day);
            CREATE INDEX sold_lines_day ON rebuild.sold_lines (day);
            """);
        migration.Sql(Functions);
        migration.Sql(FirstBuild);
    }

    /// <summary>Undoes both. The figures stay; those of the new projections go with their tables.</summary>
    public static void DropRebuilds(this MigrationBuilder migration) => migration.Sql("""
        DROP SCHEMA rebuild, rebuild_switch CASCADE;
        DROP TRIGGER note_unprojected_event ON event_log;
        DROP FUNCTION note_unprojected_event(), log_event(uuid, timestamptz, text, text, integer, jsonb, timestamptz),
            take_unprojected_events(integer), cut_event_log(date), lock_projections(), share_projections();
        DROP TABLE unprojected_events, event_log_state;
        ALTER TABLE event_log DROP COLUMN epoch;
        DROP INDEX order_journeys_placed_at;
        ALTER TABLE order_journeys DROP CONSTRAINT ck_order_journeys_total, DROP CONSTRAINT ck_order_journeys_currency;
        ALTER TABLE sales_per_day DROP CONSTRAINT ck_sales_per_day_counts, DROP CONSTRAINT ck_sales_per_day_amounts,
            DROP CONSTRAINT ck_sales_per_day_currency;
        """);
}
