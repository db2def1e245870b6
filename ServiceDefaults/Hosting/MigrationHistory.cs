using Microsoft.EntityFrameworkCore;

namespace Shop.ServiceDefaults.Hosting;

/// <summary>Checks that this version's migrations continue those of the database: databases of an earlier development state are not upgraded.</summary>
internal static class MigrationHistory
{
    /// <summary>Why <c>migrate</c> must not change the database, and what to do; null if it may.</summary>
    public static async Task<string?> RefusalAsync(DbContext db, CancellationToken ct)
    {
        var known = db.Database.GetMigrations().ToList();
        var applied = (await db.Database.GetAppliedMigrationsAsync(ct)).ToList();
        var missing = known.Except(applied).ToList();
        var unknown = applied.Except(known).ToList();
        if (missing.Count == 0)
        {
            return null; // up to date, or migrated by a newer version that was rolled back
        }

        if (unknown.Count > 0)
        {
            return Refusal(db, $"has migrations that this version does not have ({List(unknown)}), and lacks {List(missing)}");
        }

        var tables = applied.Count == 0 ? await TablesAsync(db, ct) : [];
        return tables.Count > 0 ? Refusal(db, $"has tables ({List(tables)}), but no migration is recorded in __EFMigrationsHistory") : null;
    }

    private static string Refusal(DbContext db, string what) =>
        $"The database '{db.Database.GetDbConnection().Database}' {what}. It cannot be migrated to this version, and nothing was changed. "
        + "If it is a local database of an earlier development state, delete it with './shop reset' and start again.";

    private static Task<List<string>> TablesAsync(DbContext db, CancellationToken ct)
    {
        var ours = db.Model.GetEntityTypes().Select(entity => entity.GetTableName()).Distinct().ToArray();
        return db.Database.SqlQuery<string>($"""
            SELECT relname::text AS "Value" FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname = ANY({ours}) ORDER BY 1
            """).ToListAsync(ct);
    }

    private static string List(IEnumerable<string> names) => string.Join(", ", names);
}
