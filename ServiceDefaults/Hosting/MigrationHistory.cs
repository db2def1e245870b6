using Microsoft.EntityFrameworkCore;

namespace Shop.ServiceDefaults.Hosting;

/// <summary>Whether this version's migrations lead on from what a database has: nobody upgrades one of an earlier development state.</summary>
internal static class MigrationHistory
{
    /// <summary>Why <c>migrate</c> must not touch the database, and what to do; null where it may.</summary>
    public static async Task<string?> RefusalAsync(DbContext db, CancellationToken ct)
    {
        var known = db.Database.GetMigrations().ToList();
        var applied = (await db.Database.GetAppliedMigrationsAsync(ct)).ToList();
        var missing = known.Except(applied).ToList();
        var unknown = applied.Except(known).ToList();
        if (missing.Count == 0)
        {
            return null; // up to date, or a newer version was here and was rolled back
        }

        if (unknown.Count > 0)
        {
            return Refusal(db, $"has migrations that this version does not know ({List(unknown)}), and lacks {List(missing)}");
        }

        var tables = applied.Count == 0 ? await TablesAsync(db, ct) : [];
        return tables.Count > 0 ? Refusal(db, $"has tables ({List(tables)}), but no migration is recorded in __EFMigrationsHistory") : null;
    }

    private static string Refusal(DbContext db, string what) =>
        $"The database '{db.Database.GetDbConnection().Database}' {what}. No migration leads from there to this version, and nothing was changed. "
        + "If it is a local one of an earlier development state, delete it with './shop reset' and start again.";

    private static Task<List<string>> TablesAsync(DbContext db, CancellationToken ct)
    {
        var ours = db.Model.GetEntityTypes().Select(entity => entity.GetTableName()).Distinct().ToArray();
        return db.Database.SqlQuery<string>($"""
            SELECT relname::text AS "Value" FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname = ANY({ours}) ORDER BY 1
            """).ToListAsync(ct);
    }

    private static string List(IEnumerable<string> names) => string.Join(", ", names);
}
