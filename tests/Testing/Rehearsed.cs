namespace Shop.Testing;

/// <summary>What a service rehearses at its start.</summary>
public static class Rehearsed
{
    /// <summary>Waits until it was stored with its events and rolled back, and returns the tables that are not empty then.</summary>
    /// <param name="database">Of a service in which nothing else happens.</param>
    /// <param name="events">How many events it stores: an identity is not rolled back, so that of the outbox shows it.</param>
    /// <param name="tables">Those to look into, beside the outbox.</param>
    public static async Task<IReadOnlyList<string>> FilledTablesAsync(TestDatabase database, int events, params IReadOnlyList<string> tables)
    {
        ArgumentNullException.ThrowIfNull(database);
        await Eventually.HoldsAsync($"{events} events were stored", async () => await database.ScalarAsync<long>("SELECT last_value FROM outbox_seq_seq") >= events);
        await Eventually.HoldsAsync("they are rolled back", async () => await database.ScalarAsync<long>("""
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND (state = 'active' OR backend_xid IS NOT NULL) AND query NOT LIKE '%pg_stat_activity%'
            """) == 0);
        List<string> filled = [];
        foreach (var table in (string[])[.. tables, "outbox", "outbox_parked"])
        {
            if (await database.ScalarAsync<bool>($"SELECT EXISTS (SELECT FROM {table})"))
            {
                filled.Add(table);
            }
        }

        return filled;
    }
}
