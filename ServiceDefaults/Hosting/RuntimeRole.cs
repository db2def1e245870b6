using Microsoft.EntityFrameworkCore;

namespace Shop.ServiceDefaults.Hosting;

/// <summary>
/// The login that the service runs as, where it is not the owner of the database: it reads and changes rows and calls the
/// owner's functions, and nothing else. The <c>migrate</c> command, which runs as the owner, grants it these rights after every
/// migration (docs/adr/0016).
/// </summary>
internal static class RuntimeRole
{
    /// <summary>The name of that login; without it migrate grants nothing, and the service is expected to run as the owner.</summary>
    public const string Setting = "Database:RuntimeRole";

    // Only missing rights: a repeated run changes nothing, and does not conflict in the catalog. Partitions are reached through their
    // table, except the default ones, whose rows are moved and removed.
    private const string Grants = """
        DO $grants$
        DECLARE
            role name := current_setting('shop.runtime_role');
            thing record;
        BEGIN
            PERFORM pg_advisory_xact_lock(hashtext('rights of the runtime role'));
            IF has_database_privilege('public', current_database(), 'CONNECT') OR has_database_privilege('public', current_database(), 'TEMPORARY') THEN
                EXECUTE format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
            END IF;
            IF NOT has_database_privilege(role, current_database(), 'CONNECT') THEN
                EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), role);
            END IF;
            IF has_schema_privilege('public', 'public', 'CREATE') THEN
                REVOKE CREATE ON SCHEMA public FROM PUBLIC; -- a database from before PostgreSQL 15
            END IF;
            FOR thing IN SELECT oid, nspname FROM pg_namespace
                WHERE (nspname = 'public' OR pg_has_role(nspowner, 'USAGE')) AND nspname !~ '^pg_' AND nspname <> 'information_schema'
            LOOP
                IF NOT has_schema_privilege(role, thing.oid, 'USAGE') THEN
                    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', thing.nspname, role);
                END IF;
            END LOOP;
            FOR thing IN SELECT c.oid::regclass AS name, c.oid, c.relkind, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace
                WHERE relkind IN ('r', 'p', 'v', 'm', 'S') AND pg_has_role(relowner, 'USAGE') AND nspname !~ '^pg_' AND nspname <> 'information_schema'
                AND (NOT relispartition OR pg_get_expr(relpartbound, c.oid) = 'DEFAULT')
            LOOP
                CASE
                WHEN thing.relkind = 'S' THEN
                    IF NOT has_sequence_privilege(role, thing.oid, 'USAGE') THEN
                        EXECUTE format('GRANT USAGE ON SEQUENCE %s TO %I', thing.name, role);
                    END IF;
                WHEN thing.relname = '__EFMigrationsHistory' THEN
                    EXECUTE format('GRANT SELECT ON %s TO %I', thing.name, role);
                WHEN NOT (has_table_privilege(role, thing.oid, 'SELECT') AND has_table_privilege(role, thing.oid, 'INSERT')
                    AND has_table_privilege(role, thing.oid, 'UPDATE') AND has_table_privilege(role, thing.oid, 'DELETE')) THEN
                    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %I', thing.name, role);
                ELSE
                END CASE;
            END LOOP;
            FOR thing IN SELECT p.oid::regprocedure AS name, p.oid FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = pronamespace
                WHERE pg_has_role(proowner, 'USAGE') AND nspname !~ '^pg_' AND nspname <> 'information_schema'
            LOOP
                IF has_function_privilege('public', thing.oid, 'EXECUTE') THEN
                    EXECUTE format('REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC', thing.name);
                END IF;
                IF NOT has_function_privilege(role, thing.oid, 'EXECUTE') THEN
                    EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %I', thing.name, role);
                END IF;
            END LOOP;
        END $grants$
        """;

    /// <summary>Grants the role its rights on all existing objects. Idempotent, and safe while the service runs.</summary>
    /// <exception cref="InvalidOperationException">The role is the owner itself.</exception>
    public static async Task GrantAsync(DbContext db, string role, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(db);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var isOwner = await db.Database.SqlQuery<bool>($"SELECT {role} = current_user AS \"Value\"").ToListAsync(ct);
        if (isOwner[0])
        {
            throw new InvalidOperationException(
                $"{Setting} is {role}, which is also migrate's login. Set it to the login of the running service, and run migrate as the owner.");
        }

        await db.Database.ExecuteSqlAsync($"SELECT set_config('shop.runtime_role', {role}, true)", ct);
        await db.Database.ExecuteSqlRawAsync(Grants, ct);
        await transaction.CommitAsync(ct);
    }
}
