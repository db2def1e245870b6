using Microsoft.EntityFrameworkCore.Migrations;

namespace Shop.Analytics.Persistence;

/// <summary>
/// What the service does to its tables beyond their rows, as functions that run as their owner: its own login may only change rows.
/// </summary>
internal static class RightsSchema
{
    private const string AsOwner = """
        ALTER FUNCTION ensure_event_log_partitions(date, date) SECURITY DEFINER SET search_path = public, pg_temp;
        ALTER FUNCTION cut_event_log(date) SECURITY DEFINER SET search_path = public, pg_temp;

        -- Only projections have a table in the schema rebuild, so that no other one can be emptied or moved.
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

    public static void KeepEventLogAsOwner(this MigrationBuilder migration) => migration.Sql(AsOwner);

    public static void KeepEventLogAsCaller(this MigrationBuilder migration) => migration.Sql("""
        DROP FUNCTION switch_projection(text), empty_rebuild(text);
        ALTER FUNCTION cut_event_log(date) SECURITY INVOKER RESET search_path;
        ALTER FUNCTION ensure_event_log_partitions(date, date) SECURITY INVOKER RESET search_path;
        """);
}
