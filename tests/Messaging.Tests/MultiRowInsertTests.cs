using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Update;
using Npgsql;
using Shop.Messaging.Tests.Harness;
using Shop.Messaging.UnitOfWork;

namespace Shop.Messaging.Tests;

/// <summary>Rows that follow each other into one table are one statement, and what is stored is what single statements would store.</summary>
public sealed class MultiRowInsertTests : MessagingTest
{
    private readonly Statements _statements = new();

    [Fact]
    public async Task Every_value_is_stored_unchanged_in_one_statement_and_in_order()
    {
        await using var db = await OpenAsync();
        Parcel[] parcels = [Full(1), Empty(2), Full(3)];
        db.Parcels.AddRange(parcels);

        await db.SaveChangesAsync();

        Assert.Single(_statements.Of("INSERT INTO parcels"));
        db.ChangeTracker.Clear();
        var stored = await db.Parcels.OrderBy(parcel => parcel.Place).ToListAsync();
        Assert.Equivalent(parcels, stored, strict: true);
        Assert.Equal("1,2,3", await Database.ScalarAsync<string>("SELECT string_agg(id::text, ',' ORDER BY ctid) FROM parcels"));
    }

    [Fact]
    public async Task A_column_that_is_null_in_all_rows_is_stored_as_null()
    {
        await using var db = await OpenAsync();
        db.Parcels.AddRange(Empty(1), Empty(2));

        await db.SaveChangesAsync();

        Assert.Single(_statements.Of("INSERT INTO parcels"));
        Assert.Equal(2, await db.Parcels.CountAsync(parcel => parcel.Weight == null && parcel.Label == null && parcel.Sent == null));
    }

    [Fact]
    public async Task A_text_that_is_too_long_is_rejected_and_not_truncated()
    {
        await using var db = await OpenAsync();
        db.Parcels.AddRange(Full(1), Full(2, code: "longer than eight"));

        var refused = await Assert.ThrowsAsync<DbUpdateException>(() => db.SaveChangesAsync());

        Assert.Equal(PostgresErrorCodes.StringDataRightTruncation, ((PostgresException)refused.InnerException!).SqlState);
        Assert.Equal(0, await db.Parcels.CountAsync());
    }

    [Fact]
    public async Task A_row_that_violates_a_constraint_fails_the_whole_save()
    {
        await using var db = await OpenAsync();
        db.Parcels.Add(Full(3));
        await db.SaveChangesAsync();
        db.ChangeTracker.Clear();
        db.Things.AddRange(new UniqueThing { Name = "one" }, new UniqueThing { Name = "two" });
        db.Parcels.AddRange(Full(2), Full(3));

        var refused = await Assert.ThrowsAsync<DbUpdateException>(() => db.SaveChangesAsync());

        Assert.Equal(PostgresErrorCodes.UniqueViolation, ((PostgresException)refused.InnerException!).SqlState);
        Assert.Equal(1, await db.Parcels.CountAsync());
        Assert.Equal(0, await db.Things.CountAsync());
    }

    [Fact]
    public async Task Rows_with_values_from_the_server_come_back_each_with_its_own()
    {
        await using var db = await OpenAsync();
        Effect[] effects = [new() { What = "first" }, new() { What = "second" }];
        db.AddRange(effects);
        db.Things.AddRange(new UniqueThing { Name = "one" }, new UniqueThing { Name = "two" });

        await db.SaveChangesAsync();

        Assert.NotEqual(effects[0].Id, effects[1].Id);
        db.ChangeTracker.Clear();
        Assert.Equal(["first", "second"], (await db.Set<Effect>().ToListAsync()).OrderBy(effect => effect.Id).Select(effect => effect.What));
        Assert.Equal(2, await db.Things.CountAsync());
    }

    [Fact]
    public async Task A_row_that_the_server_skips_is_detected()
    {
        await using var db = await OpenAsync();
        await Database.ExecuteAsync("CREATE RULE lose AS ON INSERT TO parcels WHERE NEW.id = 2 DO INSTEAD NOTHING");
        db.Parcels.AddRange(Full(1), Full(2), Full(3));

        await Assert.ThrowsAsync<DbUpdateConcurrencyException>(() => db.SaveChangesAsync());
    }

    private static Parcel Full(int id, string code = "EUR") => new()
    {
        Id = id,
        Place = (short)id,
        Code = code,
        Label = $"O'Neil, \"{id}\" \\ {{NULL,ä€}}\n",
        Weight = 1.50m * id,
        Sent = new DateTimeOffset(2026, 1, 2, 3, 4, id, TimeSpan.Zero),
        Kind = ParcelKind.Express,
        Order = Guid.CreateVersion7(),
        Fragile = id % 2 == 0,
        Bytes = 3_000_000_000 + id,
        Content = [0, (byte)id, 255],
    };

    private static Parcel Empty(int id) => new() { Id = id, Place = (short)id, Code = "EUR" };

    private async Task<ParcelDbContext> OpenAsync()
    {
        var db = new ParcelDbContext(new DbContextOptionsBuilder<ParcelDbContext>()
            .UseNpgsql(Database.ConnectionString)
            .ReplaceService<IModificationCommandBatchFactory, SingleRoundTripBatchFactory>()
            .AddInterceptors(_statements).Options);
        await Database.ExecuteAsync(db.Database.GenerateCreateScript());
        return db;
    }

    private enum ParcelKind
    {
        Normal,
        Express,
    }

    private sealed class Parcel
    {
        public required int Id { get; init; }

        public required short Place { get; init; }

        public required string Code { get; init; }

        public string? Label { get; init; }

        public decimal? Weight { get; init; }

        public DateTimeOffset? Sent { get; init; }

        public ParcelKind? Kind { get; init; }

        public Guid? Order { get; init; }

        public bool Fragile { get; init; }

        public long Bytes { get; init; }

        public byte[]? Content { get; init; }
    }

    private sealed class ParcelDbContext(DbContextOptions<ParcelDbContext> options) : DbContext(options)
    {
        public DbSet<Parcel> Parcels => Set<Parcel>();

        public DbSet<UniqueThing> Things => Set<UniqueThing>();

        protected override void OnModelCreating(ModelBuilder modelBuilder)
        {
            modelBuilder.Entity<Parcel>(parcel =>
            {
                parcel.ToTable("parcels");
                parcel.Property(p => p.Id).HasColumnName("id").ValueGeneratedNever();
                parcel.Property(p => p.Code).HasMaxLength(8);
                parcel.Property(p => p.Kind).HasConversion<string>().HasMaxLength(16);
                parcel.Property(p => p.Weight).HasPrecision(18, 2);
            });
            modelBuilder.Entity<UniqueThing>().ToTable("things").HasKey(thing => thing.Name);
            modelBuilder.Entity<Effect>().ToTable("effects");
        }
    }

    private sealed class Statements : DbCommandInterceptor
    {
        private readonly List<string> _sent = [];

        public IEnumerable<string> Of(string start) => _sent.SelectMany(text => text.Split(';')).Where(text => text.Trim().StartsWith(start, StringComparison.Ordinal));

        public override ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
            DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default)
        {
            _sent.Add(command.CommandText);
            return ValueTask.FromResult(result);
        }
    }
}
