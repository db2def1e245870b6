using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.EntityFrameworkCore;
using Shop.Analytics.Features.EventLog;
using Shop.Analytics.Features.Projections;
using Shop.Analytics.Persistence;
using Shop.Messaging;
using Shop.ServiceDefaults.Http;

namespace Shop.Analytics.Tests;

/// <summary>A database of the previous version, full of its rows, under this one.</summary>
public sealed class MigrationTests : IAsyncLifetime
{
    private static readonly DateTimeOffset s_at = new(2026, 10, 1, 12, 0, 0, TimeSpan.Zero);

    private TestDatabase _database = null!;
    private TestVirtualHost _broker = null!;

    public async ValueTask InitializeAsync()
    {
        _database = await TestServers.CreateDatabaseAsync("analytics");
        _broker = await TestServers.CreateVirtualHostAsync("analytics");
        await _broker.LoadTopologyAsync("analytics");
    }

    public async ValueTask DisposeAsync()
    {
        await _broker.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task A_database_of_the_previous_version_comes_through_with_equal_figures_while_that_version_still_works()
    {
        var random = new Random(19);
        var previous = new PreviousVersion(_database.ConnectionString);
        await previous.MigrateAsync();

        // Orders in every state: some whole, some cut off after any of their events, some years old.
        List<IIntegrationEvent> events = [.. Samples.OneOfEach(s_at)];
        for (var i = 0; i < 150; i++)
        {
            events.AddRange(Samples.Story(random, s_at.AddHours(i % 50 == 0 ? -60_000 : i)).Take(random.Next(1, 6)));
        }

        await previous.ConsumeAsync(events);
        var (sales, journeys) = (await RowsAsync("sales_per_day"), await RowsAsync("order_journeys"));
        var log = await RowsAsync("(SELECT event_id, occurred_at, type, aggregate_id, aggregate_version, body, received_at FROM event_log)");

        await MigrateAsync();

        Assert.Equal((sales, journeys), (await RowsAsync("sales_per_day"), await RowsAsync("order_journeys")));
        Assert.Equal(log, await RowsAsync("(SELECT event_id, occurred_at, type, aggregate_id, aggregate_version, body, received_at FROM event_log)"));
        Assert.Equal(events.Count, await _database.ScalarAsync<long>("SELECT count(*) FROM inbox"));
        Assert.Equal("p", await _database.ScalarAsync<string>("SELECT relkind::text FROM pg_class WHERE oid = 'inbox'::regclass"));

        // An instance of the previous version goes on before this one starts, and beside it.
        await previous.ConsumeAsync(More(events, random, 20));
        await using var service = new Service(_database, _broker);
        service.StartServer();
        using var client = service.CreateClient();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", TestTokens.Staff());
        await previous.ConsumeAsync(More(events, random, 40));
        foreach (var projection in ProjectionCatalog.All.Where(projection => projection.Name is "sales" or "funnel"))
        {
            using var started = await client.PostAsync($"/analytics/projections/{projection.Name}/rebuild", null);
            Assert.Equal(HttpStatusCode.Accepted, started.StatusCode);
            await previous.ConsumeAsync(More(events, random, 20));
        }

        await Eventually.IsAsync("every projection is built, and nothing waits to be applied",
            () => _database.ScalarAsync<long>("SELECT count(*) FILTER (WHERE state = 'done') - (SELECT count(*) FROM unprojected_events) FROM projection_rebuilds"),
            built => built == 5);
        foreach (var year in (int[])[2019, 2026])
        {
            var figures = new Figures(events.Where(e => e.OccurredAt.Year == year), new DateOnly(year, 1, 1), new DateOnly(year, 12, 31));
            await figures.AssertServedByAsync(client);
        }

        var page = await client.GetFromJsonAsync<Page<LoggedEventResponse>>("/analytics/events?limit=1");
        Assert.Equal(events.Max(e => e.OccurredAt), Assert.Single(page!.Items).OccurredAt, TimeSpan.FromMilliseconds(1));
    }

    [Fact]
    public async Task The_migration_can_be_undone_and_the_figures_stay()
    {
        var previous = new PreviousVersion(_database.ConnectionString);
        await previous.MigrateAsync();
        await previous.ConsumeAsync(Samples.Story(new Random(3), s_at));
        var (sales, journeys) = (await RowsAsync("sales_per_day"), await RowsAsync("order_journeys"));
        await MigrateSchemaAsync();

        await previous.MigrateAsync();
        await previous.ConsumeAsync(Samples.OneOfEach(s_at.AddYears(1)).Where(e => e is Contracts.Inventory.V1.StockLevelLow));

        Assert.Equal((sales, journeys), (await RowsAsync("sales_per_day"), await RowsAsync("order_journeys")));
    }

    [Fact]
    public async Task A_migration_that_broke_off_can_be_run_again()
    {
        var previous = new PreviousVersion(_database.ConnectionString);
        await previous.MigrateAsync();
        await previous.ConsumeAsync([Samples.Confirmed(Guid.CreateVersion7(), s_at, 5)]);
        await _database.ExecuteAsync("CREATE SCHEMA rebuild_switch"); // in the way of its last part, after the online steps

        await Assert.ThrowsAsync<Npgsql.PostgresException>(MigrateSchemaAsync);
        await _database.ExecuteAsync("DROP SCHEMA rebuild_switch");
        await MigrateSchemaAsync();

        Assert.Equal(3, await _database.ScalarAsync<long>("SELECT count(*) FROM projection_rebuilds WHERE state = 'running'"));
    }

    private static List<IIntegrationEvent> More(List<IIntegrationEvent> events, Random random, int orders)
    {
        List<IIntegrationEvent> more = [.. Enumerable.Range(0, orders).SelectMany(i => Samples.Story(random, s_at.AddHours(i)))];
        events.AddRange(more);
        return more;
    }

    private Task<string> RowsAsync(string table) =>
        _database.ScalarAsync<string>($"SELECT coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '') FROM {table} AS t");

    private async Task MigrateSchemaAsync()
    {
        await using var db = new AnalyticsDbContext(
            new DbContextOptionsBuilder<AnalyticsDbContext>().UseNpgsql(_database.ConnectionString).Options);
        await db.Database.MigrateAsync();
    }

    /// <summary>Runs the real command, as the AppHost does.</summary>
    private async Task MigrateAsync()
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            ArgumentList = { typeof(Program).Assembly.Location, "migrate" },
        };
        start.Environment["ConnectionStrings__Database"] = _database.ConnectionString;
        start.Environment["ConnectionStrings__rabbitmq"] = _broker.UriOf("analytics").AbsoluteUri;
        using var process = Process.Start(start)!;
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        await process.WaitForExitAsync(patience.Token);
        Assert.Equal(0, process.ExitCode);
    }

    /// <summary>This version on the migrated database.</summary>
    private sealed class Service : WebApplicationFactory<Program>
    {
        private readonly TestDatabase _database;
        private readonly TestVirtualHost _broker;

        public Service(TestDatabase database, TestVirtualHost broker)
        {
            (_database, _broker) = (database, broker);
            UseKestrel(0);
        }

        protected override void ConfigureWebHost(IWebHostBuilder builder)
        {
            builder.UseEnvironment("Testing");
            builder.UseContentRoot(AppContext.BaseDirectory);
            builder.UseSetting("ConnectionStrings:Database", _database.ConnectionString);
            builder.UseSetting("ConnectionStrings:rabbitmq", _broker.UriOf("analytics").AbsoluteUri);
            builder.UseSetting("Logging:LogLevel:Default", "None");
            foreach (var (key, value) in TestTokens.Configuration)
            {
                builder.UseSetting(key, value);
            }
        }
    }
}
