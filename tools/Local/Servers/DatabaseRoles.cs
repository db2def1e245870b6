namespace Shop.Local.Servers;

/// <summary>
/// The two logins of a service's database: its owner, as which <c>migrate</c> runs, and the one that the running service has, which
/// gets its rights from migrate.
/// </summary>
internal static class DatabaseRoles
{
    /// <summary>The owner's name beside the service's own.</summary>
    public static string OwnerOf(string login) => login + "-owner";

    /// <summary>
    /// Creates the logins or updates their passwords. The attribute REPLICATION, which reading a log requires, they have only
    /// where <paramref name="readsLog"/> is true or where a slot of this database is still to be read. Idempotent.
    /// </summary>
    public static string Logins(string database, string login, string password, string ownerPassword, bool readsLog) =>
        Login(database, OwnerOf(login), ownerPassword, readsLog) + Login(database, login, password, readsLog);

    /// <summary>
    /// Run in the database: makes the owner own it and its contents, also what an older version of Shop left to another role,
    /// and revokes everyone else's access. Idempotent.
    /// </summary>
    public static string Ownership(string database, string login) => $"""
        ALTER DATABASE {Identifier(database)} OWNER TO {Identifier(OwnerOf(login))};
        REVOKE CONNECT, TEMPORARY ON DATABASE {Identifier(database)} FROM PUBLIC;
        GRANT CONNECT ON DATABASE {Identifier(database)} TO {Identifier(login)};
        REVOKE CREATE ON SCHEMA public FROM PUBLIC;
        DO $$
        DECLARE
            command text;
        BEGIN
            FOR command IN
                SELECT format('ALTER SCHEMA %I OWNER TO %I', nspname, {Literal(OwnerOf(login))}) FROM pg_namespace
                WHERE nspname !~ '^pg_' AND nspname NOT IN ('public', 'information_schema') AND nspowner <> {OwnerId(login)}
                UNION ALL
                SELECT format('ALTER TABLE %s OWNER TO %I', c.oid::regclass, {Literal(OwnerOf(login))}) FROM pg_class AS c
                JOIN pg_namespace AS n ON n.oid = relnamespace
                WHERE relkind IN ('r', 'p', 'v', 'm', 'S') AND nspname !~ '^pg_' AND nspname <> 'information_schema' AND relowner <> {OwnerId(login)}
                AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype IN ('a', 'i') AND relkind = 'S')
                UNION ALL
                SELECT format('ALTER ROUTINE %s OWNER TO %I', p.oid::regprocedure, {Literal(OwnerOf(login))}) FROM pg_proc AS p
                JOIN pg_namespace AS n ON n.oid = pronamespace
                WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND proowner <> {OwnerId(login)}
                UNION ALL
                SELECT format('ALTER PUBLICATION %I OWNER TO %I', pubname, {Literal(OwnerOf(login))}) FROM pg_publication WHERE pubowner <> {OwnerId(login)}
            LOOP
                EXECUTE command;
            END LOOP;
        END $$;

        """;

    public static string Literal(string value) =>
        value.Contains('\\', StringComparison.Ordinal)
            ? throw new ArgumentException("A name or password for PostgreSQL may not contain a backslash.", nameof(value))
            : $"'{value.Replace("'", "''", StringComparison.Ordinal)}'";

    public static string Identifier(string value) => $"\"{value.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    private static string Login(string database, string name, string password, bool readsLog) => $"""
        DO $$ BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {Literal(name)}) THEN
                CREATE ROLE {Identifier(name)};
            END IF;
            ALTER ROLE {Identifier(name)} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {Literal(password)};
            IF {(readsLog ? "true" : "false")} OR EXISTS (SELECT FROM pg_replication_slots WHERE database = {Literal(database)}) THEN
                ALTER ROLE {Identifier(name)} REPLICATION;
            ELSE
                ALTER ROLE {Identifier(name)} NOREPLICATION;
            END IF;
        END $$;

        """;

    private static string OwnerId(string login) => $"(SELECT oid FROM pg_roles WHERE rolname = {Literal(OwnerOf(login))})";
}
