using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Update;
using Shop.Messaging.Tests.Harness;
using Shop.Messaging.UnitOfWork;

namespace Shop.Messaging.Tests;

/// <summary>Rows of one table whose same columns change are one statement, which updates them as single statements would.</summary>
public sealed class MultiRowUpdateTests : MessagingTest
{
    private readonly Statements _statements = new();

    [Fact]
    public async Task Every_value_is_stored_unchanged_in_one_statement()
    {
        await using var db = await OpenAsync();
        var parcels = await StoredAsync(db, 3);
        foreach (var parcel in parcels)
        {
            parcel.Change($"O'Neil, \"{parcel.Id}\" \\ {{NULL,ä€}}\n", parcel.Id == 2 ? null : 1.50m * parcel.Id);
        }

        await db.SaveChangesAsync();

        Assert.Equal(1, _statements.Updates);
        db.ChangeTracker.Clear();
        Assert.Equivalent(parcels, await db.Parcels.OrderBy(parcel => parcel.Id).ToListAsync(), strict: true);
    }

    [Fact]
    public async Task A_row_that_another_save_has_changed_fails_the_save_and_nothing_is_stored()
    {
        await using var db = await OpenAsync();
        var parcels = await StoredAsync(db, 3);
        await Database.ExecuteAsync("UPDATE parcels SET version = version + 1 WHERE id = 2");
        foreach (var parcel in parcels)
        {
            parcel.Change("stale", 1);
        }

        var refused = await Assert.ThrowsAsync<DbUpdateConcurrencyException>(() => db.SaveChangesAsync());

        Assert.Equal(1, _statements.Updates);
        Assert.Equal(parcels, refused.Entries.Select(entry => entry.Entity).OfType<Parcel>());
        Assert.Equal(0, await Database.ScalarAsync<long>("SELECT count(*) FROM parcels WHERE label = 'stale'"));
    }

    [Fact]
    public async Task A_row_takes_the_unique_value_that_a_later_one_gives_up()
    {
        await using var db = await OpenAsync();
        var parcels = await StoredAsync(db, 2);
        (parcels[0].Code, parcels[1].Code) = (parcels[1].Code, "other");

        await db.SaveChangesAsync();

        Assert.Equal("code 2,other", await Database.ScalarAsync<string>("SELECT string_agg(code, ',' ORDER BY id) FROM parcels"));
    }

    [Fact]
    public async Task A_plan_made_on_a_small_table_does_not_read_the_whole_of_a_large_one()
    {
        await using var db = await OpenAsync(
            ";Max Auto Prepare=20;Auto Prepare Min Usages=1;Options=-c enable_seqscan=off -c plan_cache_mode=force_generic_plan");
        await Database.ExecuteAsync("ALTER TABLE parcels SET (autovacuum_enabled = off)");
        await db.Database.OpenConnectionAsync(); // the plan is the session's
        var parcels = await StoredAsync(db, 2);
        await Database.ExecuteAsync("ANALYZE parcels");
        await ChangeAsync("planned");
        await Database.ExecuteAsync(
            "INSERT INTO parcels (id, code, version, notes) SELECT id, id::text, 1, '[]' FROM generate_series(10, 5000) AS id");
        var before = await ReadAsync();

        await ChangeAsync("planned earlier");

        Assert.InRange(await ReadAsync() - before, 1, 100);

        async Task ChangeAsync(string label)
        {
            parcels.ForEach(parcel => parcel.Change(label, 1));
            await db.SaveChangesAsync();
            await db.Database.ExecuteSqlRawAsync("SELECT pg_stat_force_next_flush()");
        }

        Task<long> ReadAsync() => Database.ScalarAsync<long>("SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE relname = 'parcels'");
    }

    private static async Task<List<Parcel>> StoredAsync(ParcelDbContext db, int count)
    {
        List<Parcel> parcels = [.. Enumerable.Range(1, count).Select(id => new Parcel { Id = id, Code = $"code {id}" })];
        db.Parcels.AddRange(parcels);
        await db.SaveChangesAsync();
        return parcels;
    }

    private async Task<ParcelDbContext> OpenAsync(string settings = "")
    {
        var db = new ParcelDbContext(new DbContextOptionsBuilder<ParcelDbContext>()
            .UseNpgsql(Database.ConnectionString + settings)
            .ReplaceService<IModificationCommandBatchFactory, SingleRoundTripBatchFactory>()
            .AddInterceptors(_statements).Options);
        await Database.ExecuteAsync(db.Database.GenerateCreateScript());
        return db;
    }

    private sealed record Note(string Text);

    private sealed class Parcel
    {
        private readonly List<Note> _notes = [];

        public required int Id { get; init; }

        public required string Code { get; set; }

        public string? Label { get; private set; } = "";

        public decimal? Weight { get; private set; } = 1;

        public int Version { get; private set; }

        public IReadOnlyList<Note> Notes => _notes;

        public void Change(string label, decimal? weight)
        {
            (Label, Weight) = (label, weight);
            _notes.Add(new Note(label));
            Version++;
        }
    }

    private sealed class ParcelDbContext(DbContextOptions<ParcelDbContext> options) : DbContext(options)
    {
        public DbSet<Parcel> Parcels => Set<Parcel>();

        protected override void OnModelCreating(ModelBuilder modelBuilder) => modelBuilder.Entity<Parcel>(parcel =>
        {
            parcel.ToTable("parcels");
            parcel.Property(p => p.Id).HasColumnName("id").ValueGeneratedNever();
            parcel.Property(p => p.Code).HasColumnName("code").HasMaxLength(8);
            parcel.Property(p => p.Label).HasColumnName("label");
            parcel.Property(p => p.Version).HasColumnName("version").IsConcurrencyToken();
            parcel.OwnsMany(p => p.Notes, note => note.ToJson("notes"));
            parcel.HasIndex(p => p.Code).IsUnique();
        });
    }

    private sealed class Statements : DbCommandInterceptor
    {
        public int Updates { get; private set; }

        public override ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
            DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default)
        {
            Updates += command.CommandText.Split("UPDATE ").Length - 1;
            return ValueTask.FromResult(result);
        }
    }
}
