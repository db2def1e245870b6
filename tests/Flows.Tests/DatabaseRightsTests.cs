using Npgsql;
using Shop.Analytics.Features.Funnel;
using Shop.Inventory.Features.OfferProduct;
using Shop.Notification.Features.PutContact;
using Shop.Ordering.Features.PlaceOrder;

namespace Shop.Flows.Tests;

/// <summary>Who may do what in which database: a running service changes the rows of its own tables, and nothing else.</summary>
public sealed class DatabaseRightsTests : IAsyncLifetime
{
    private static readonly string[] s_refused =
    [
        "CREATE TABLE public.mine (id integer)",
        "CREATE SCHEMA mine",
        "CREATE TEMPORARY TABLE mine (id integer)",
        "CREATE FUNCTION public.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "CREATE PUBLICATION mine",
        "ALTER TABLE outbox ADD COLUMN mine integer",
        "ALTER TABLE inbox DISABLE TRIGGER USER",
        "ALTER FUNCTION ensure_inbox_partitions(date, date) SECURITY INVOKER",
        "DROP TABLE outbox",
        "DROP FUNCTION drop_old_inbox_partition(timestamptz, integer)",
        "TRUNCATE outbox",
        """DELETE FROM "__EFMigrationsHistory" """,
    ];

    private readonly Dictionary<string, TestDatabase> _databases = [];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _databases["ordering"] = await MigratedDatabases.CreateAsync<PlaceOrderRequest>();
        _databases["inventory"] = await MigratedDatabases.CreateAsync<OfferProductRequest>();
        _databases["notification"] = await MigratedDatabases.CreateAsync<PutContactRequest>();
        _databases["analytics"] = await MigratedDatabases.CreateAsync<FunnelResponse>();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var database in _databases.Values)
        {
            await database.DisposeAsync();
        }
    }

    [Fact]
    public async Task No_login_of_a_service_reaches_the_database_of_another()
    {
        foreach (var (service, own) in _databases)
        {
            foreach (var login in (string[])[own.ConnectionString, own.RuntimeConnectionString])
            {
                Assert.Null(await RefusalAsync(login, "SELECT 1")); // the control: it does reach its own
                foreach (var (other, database) in _databases.Where(one => one.Key != service))
                {
                    var there = new NpgsqlConnectionStringBuilder(login) { Database = database.Name }.ConnectionString;
                    Assert.True(await RefusalAsync(there, "SELECT 1") is "42501", $"{service} reaches the database of {other}.");
                }
            }
        }
    }

    [Fact]
    public async Task A_running_service_may_change_rows_and_nothing_else()
    {
        foreach (var (service, database) in _databases)
        {
            foreach (var statement in s_refused)
            {
                Assert.True(await RefusalAsync(database.ConnectionString, statement) is null, $"{service}'s owner may not: {statement}");
                Assert.True(await RefusalAsync(database.RuntimeConnectionString, statement) is "42501", $"{service} may: {statement}");
            }

            Assert.Equal("42501", await RefusalAsync(database.RuntimeConnectionString, $"SET ROLE \"{database.Name}\""));
            Assert.Empty(await database.RowsAsync($"""
                SELECT c.oid::regclass FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace
                WHERE relkind IN ('r', 'p') AND NOT relispartition AND nspname IN ('public', 'rebuild') AND relname <> '__EFMigrationsHistory'
                AND NOT (has_table_privilege('{database.RuntimeRole}', c.oid, 'SELECT') AND has_table_privilege('{database.RuntimeRole}', c.oid, 'INSERT')
                    AND has_table_privilege('{database.RuntimeRole}', c.oid, 'UPDATE') AND has_table_privilege('{database.RuntimeRole}', c.oid, 'DELETE'))
                """));
        }
    }

    [Fact]
    public async Task Partitions_and_rebuilt_tables_are_changed_as_their_owner()
    {
        string[] both = ["SELECT ensure_inbox_partitions(current_date + 20, current_date + 21)", "SELECT drop_old_inbox_partition(now() + interval '9 days', 1)"];
        foreach (var database in _databases.Values)
        {
            Assert.All(await Task.WhenAll(both.Select(statement => RefusalAsync(database.RuntimeConnectionString, statement))), Assert.Null);
        }

        var analytics = _databases["analytics"].RuntimeConnectionString;
        Assert.Null(await RefusalAsync(analytics, "SELECT ensure_event_log_partitions('2020-01-01', '2020-03-01')"));
        Assert.Null(await RefusalAsync(analytics, "SELECT cut_event_log('2030-01-01')"));
        Assert.Null(await RefusalAsync(analytics, "SELECT switch_projection('sales_per_day')"));

        // Only those tables: what is moved or emptied has to have a place in the schema of rebuilds.
        Assert.Equal("42P01", await RefusalAsync(analytics, "SELECT switch_projection('outbox')"));
        Assert.Equal("42P01", await RefusalAsync(analytics, "SELECT empty_rebuild('event_log')"));
    }

    /// <summary>The SQLSTATE with which a statement fails; null if it succeeds. It is rolled back.</summary>
    private static async Task<string?> RefusalAsync(string login, string statement)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(login) { Pooling = false }.ConnectionString);
        try
        {
            await connection.OpenAsync(Token);
            await using var transaction = await connection.BeginTransactionAsync(Token);
            await using var command = new NpgsqlCommand(statement, connection, transaction);
            await command.ExecuteNonQueryAsync(Token);
            return null;
        }
        catch (PostgresException e)
        {
            return e.SqlState;
        }
    }
}
