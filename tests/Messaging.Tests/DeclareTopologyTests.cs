using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging.Relay;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>A service that declares its own topology, and creates its tables without a migration.</summary>
public sealed class DeclareTopologyTests : MessagingTest
{
    private const string Queue = "ordering.effect";

    [Fact]
    public async Task A_service_declares_the_same_topology_as_its_definitions()
    {
        await using var loaded = await TestServers.CreateVirtualHostAsync("loaded");
        await using var declared = await TestServers.CreateVirtualHostAsync("declared");
        await loaded.DeclareExchangeAsync("inventory.stock-replenished.v1"); // Inventory's
        await using (var service = Create(declared.AmqpUri))
        {
            await service.StartAsync();
            await HealthyAsync(service);
            await loaded.LoadAsync(service.Definitions);
        }

        Assert.Equal(await ObjectsAsync(loaded), await ObjectsAsync(declared));

        await using var again = Create(declared.AmqpUri); // at its second start
        await again.StartAsync();
        await HealthyAsync(again);
        Assert.Equal(await ObjectsAsync(loaded), await ObjectsAsync(declared));
    }

    [Fact]
    public async Task An_event_is_published_and_consumed_without_prepared_broker_and_database()
    {
        await using var broker = await TestServers.CreateVirtualHostAsync("bare");
        await using var service = Create(broker.AmqpUri);
        await service.WorkAsync(db => db.Database.EnsureCreatedAsync());
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => service.WorkAsync(db => db.CreateMessagingTablesAsync())));
        await service.StartAsync();
        await HealthyAsync(service);

        await AppendAsync(service);

        await Eventually.HoldsAsync("it is consumed", async () => await service.CountEffectsAsync("tea") == 1);
        await service.WorkAsync(db => db.CreateMessagingTablesAsync()); // at the next start: nothing to do
        Assert.Equal(1, await Database.ScalarAsync<long>("SELECT count(*) FROM inbox"));
    }

    [Fact]
    public async Task The_first_events_wait_for_the_declaration_instead_of_being_returned()
    {
        await using var broker = await TestServers.CreateVirtualHostAsync("first");
        await using var service = Create(broker.AmqpUri);
        await service.WorkAsync(db => db.Database.EnsureCreatedAsync());
        await service.WorkAsync(db => db.CreateMessagingTablesAsync());
        await AppendAsync(service);
        (DateTimeOffset, string)? failureBefore = null;
        service.Script.Act = (_, _) =>
        {
            failureBefore = service.Services.GetRequiredService<RecentlyPublished>().LastFailure;
            return Task.CompletedTask;
        };

        await service.StartAsync();

        await Eventually.HoldsAsync("it is consumed", async () => await service.CountEffectsAsync("tea") == 1);
        Assert.Null(failureBefore);
    }

    [Fact]
    public async Task An_interrupted_start_creates_no_table_and_the_next_one_creates_all()
    {
        await using var service = Create(Broker.AmqpUri);
        await Database.ExecuteAsync("CREATE TABLE inbox_default (in_the_way integer)");
        await Assert.ThrowsAsync<PostgresException>(() => service.WorkAsync(db => db.CreateMessagingTablesAsync()));
        Assert.Equal(["inbox_default"], await Database.RowsAsync("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"));
        await Database.ExecuteAsync("DROP TABLE inbox_default");

        await service.WorkAsync(db => db.CreateMessagingTablesAsync());

        Assert.Equal(10, await Database.ScalarAsync<long>("SELECT count(*) FROM pg_inherits WHERE inhparent = 'inbox'::regclass"));
    }

    [Fact]
    public async Task A_migration_creates_the_same_tables_and_drops_them()
    {
        await using var service = Create(Broker.AmqpUri);
        await service.WorkAsync(db => MigrateAsync(db, migration =>
        {
            migration.CreateMessagingTables();
            migration.CreateOperationsTables();
        }));
        var made = await TablesAsync();
        await service.WorkAsync(db => db.CreateMessagingTablesAsync());

        Assert.Equal(made, await TablesAsync()); // nothing was missing
        await using var other = await TestServers.CreateDatabaseAsync("other");
        await using var bare = TestService.Create(other, Broker.AmqpUri);
        await bare.WorkAsync(db => db.CreateMessagingTablesAsync());
        Assert.Equal(made, await TablesAsync(other));

        await service.WorkAsync(db => MigrateAsync(db, migration =>
        {
            migration.DropOperationsTables();
            migration.DropMessagingTables();
        }));
        Assert.Empty(await TablesAsync());
    }

    [Fact]
    public async Task An_object_with_other_arguments_is_reported_and_the_service_continues_once_it_is_deleted()
    {
        await using var broker = await TestServers.CreateVirtualHostAsync("other");
        await broker.DeclareQueueAsync(Queue, new Dictionary<string, object> { ["x-queue-type"] = "classic" });
        await using var service = Create(broker.AmqpUri);
        await service.WorkAsync(db => db.Database.EnsureCreatedAsync());
        await service.WorkAsync(db => db.CreateMessagingTablesAsync());
        await AppendAsync(service);
        await service.StartAsync();

        await Eventually.HoldsAsync("the health check names the queue and the remedy", async () =>
            await HealthAsync(service) is { Status: HealthStatus.Unhealthy, Description: { } text }
            && text.Contains($"'{Queue}'", StringComparison.Ordinal) && text.Contains("Delete it", StringComparison.Ordinal));
        await Eventually.HoldsAsync("the relay does not wait for it, and no queue gets its event", () =>
            service.Services.GetRequiredService<RecentlyPublished>().LastFailure is not null);

        await broker.DeleteQueueAsync(Queue);
        await HealthyAsync(service);
        await Eventually.HoldsAsync("the event is consumed", async () => await service.CountEffectsAsync("tea") == 1);
    }

    private static Task AppendAsync(TestService service) => service.WorkAsync(async db =>
    {
        var now = TimeProvider.System.GetUtcNow();
        await using var scope = service.Services.CreateAsyncScope();
        scope.ServiceProvider.GetRequiredService<Outbox.OutboxAppender>()
            .Append(db, new StockReplenished(Guid.CreateVersion7(now), now, "tea", 1, 1, 1));
        await db.SaveChangesAsync();
    });

    private Task<IReadOnlyList<string>> TablesAsync(TestDatabase? database = null) => (database ?? Database).RowsAsync("""
        SELECT relname, relkind, array_to_string(reloptions, ',') FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT proname, 'p', concat(prosecdef, md5(prosrc)) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT table_name, 'c', string_agg(concat_ws(' ', column_name, data_type, is_nullable, column_default), ', ' ORDER BY ordinal_position)
            FROM information_schema.columns WHERE table_schema = 'public' GROUP BY table_name
        ORDER BY 1, 2
        """);

    private async Task MigrateAsync(TicketDbContext db, Action<MigrationBuilder> what)
    {
        var migration = new MigrationBuilder("Npgsql.EntityFrameworkCore.PostgreSQL");
        what(migration);
        foreach (var command in db.GetService<IMigrationsSqlGenerator>().Generate(migration.Operations))
        {
            await Database.ExecuteAsync(command.CommandText);
        }
    }

    private TestService Create(Uri broker) => TestService.Create(Database, broker, consumers: messaging => messaging.DeclareTopology(), consumes: true);

    private static async Task<List<string>> ObjectsAsync(TestVirtualHost host)
    {
        var export = await host.ExportAsync();
        return
        [
            .. ((string[])["queues", "exchanges", "bindings"]).SelectMany(kind => export[kind]!.AsArray().Select(item => Sorted(kind, item!.AsObject())))
                .Order(StringComparer.Ordinal),
        ];
    }

    private static string Sorted(string kind, JsonObject item) => $"{kind} " + new JsonObject(
        item.Where(member => member.Key != "vhost").OrderBy(member => member.Key, StringComparer.Ordinal)
            .Select(member => KeyValuePair.Create(member.Key, member.Value is JsonObject arguments
                ? new JsonObject(arguments.OrderBy(argument => argument.Key, StringComparer.Ordinal)
                    .Select(argument => KeyValuePair.Create(argument.Key, argument.Value?.DeepClone())))
                : member.Value?.DeepClone()))).ToJsonString();

    private static Task HealthyAsync(TestService service) => Eventually.HoldsAsync("everything is declared and found", async () =>
        (await service.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync()) is var report
        && report.Entries["topology declaration"].Status == HealthStatus.Healthy && report.Entries["topology"].Status == HealthStatus.Healthy);

    private static async Task<HealthReportEntry> HealthAsync(TestService service) =>
        (await service.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync()).Entries["topology declaration"];
}
