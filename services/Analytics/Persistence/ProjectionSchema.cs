using Microsoft.EntityFrameworkCore.Migrations;

namespace Shop.Analytics.Persistence;

/// <summary>
/// What rebuilds need and EF's model differ cannot express: the shadow of each projection's table in its own schema, and the functions
/// of the locking protocol between consumers and rebuilds.
/// </summary>
internal static class ProjectionSchema
{
    private const string Functions = """
        -- Held by whoever starts or ends a rebuild or cuts the log: then nobody is between logging an event and committing it.
        CREATE FUNCTION lock_projections() RETURNS void LANGUAGE sql AS
            $$ SELECT pg_advisory_xact_lock(hashtext('analytics projections')) $$;
        CREATE FUNCTION share_projections() RETURNS void LANGUAGE sql AS
            $$ SELECT pg_advisory_xact_lock_shared(hashtext('analytics projections')) $$;

        -- These two run as their owner. Only projections have a table in the schema rebuild, so that no other one can be emptied or moved.
        CREATE FUNCTION empty_rebuild(projection text) RETURNS void
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            EXECUTE format('TRUNCATE rebuild.%I', projection);
        END $$;

        -- Lets the two tables change places, with all that is theirs, and empties the one that was live.
        CREATE FUNCTION switch_projection(projection text) RETURNS void
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            EXECUTE format('ALTER TABLE public.%I SET SCHEMA rebuild_switch', projection);
            EXECUTE format('ALTER TABLE rebuild.%I SET SCHEMA public', projection);
            EXECUTE format('ALTER TABLE rebuild_switch.%I SET SCHEMA rebuild', projection);
            EXECUTE format('TRUNCATE rebuild.%I', projection);
        END $$;
        """;

    // Where a handful of rows changes with every order: room on the page for the next version, and vacuumed early.
    private static readonly (string Table, string Key, string Storage)[] s_projections =
    [
        ("sales_per_day", "day, currency", "fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500"),
        ("order_journeys", "order_id", "fillfactor = 70"),
        ("sold_lines", "order_id, sku", "fillfactor = 100"),
        ("rejections_per_day", "day, reason, sku", "fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500"),
        ("stock_outs_per_day", "day, sku", "fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500"),
    ];

    /// <summary>Creates shadows and functions. Call it after the projections' own tables are there.</summary>
    public static void CreateRebuilds(this MigrationBuilder migration)
    {
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
            CREATE INDEX sold_lines_day ON rebuild.sold_lines (day);
            """);
        migration.Sql(Functions);
    }

    public static void DropRebuilds(this MigrationBuilder migration) => migration.Sql("""
        DROP FUNCTION switch_projection(text), empty_rebuild(text), lock_projections(), share_projections();
        DROP SCHEMA rebuild, rebuild_switch CASCADE;
        """);
}
