using Microsoft.EntityFrameworkCore;
using Shop.Benchmarks.Model;
using Shop.ServiceDefaults.Hosting;

namespace Shop.Benchmarks.Naive;

/// <summary>The same tables as a tracked entity each, as an outbox and an inbox of the usual kind map them.</summary>
internal sealed class NaiveDbContext(DbContextOptions<NaiveDbContext> options) : DbContext(options)
{
    public DbSet<NaiveOutbox> Outbox => Set<NaiveOutbox>();

    public DbSet<NaiveInbox> Inbox => Set<NaiveInbox>();

    public DbSet<BenchEffect> Effects => Set<BenchEffect>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<NaiveOutbox>().ToTable("outbox").HasKey(row => row.Seq);
        modelBuilder.Entity<NaiveInbox>().ToTable("inbox").HasKey(row => new { row.EventId, row.Consumer });
        modelBuilder.Entity<BenchEffect>().ToTable("effects").HasKey(effect => effect.EventId);
        modelBuilder.UseSnakeCaseNames();
    }
}

internal sealed class NaiveOutbox
{
    public long Seq { get; init; }

    public Guid EventId { get; init; }

    public required string Type { get; init; }

    public required string Headers { get; init; }

    public required byte[] Body { get; init; }
}

internal sealed class NaiveInbox
{
    public required Guid EventId { get; init; }

    public required string Consumer { get; init; }

    /// <summary>Year 1 while received and not yet processed, year 2 while its outgoing messages are not delivered.</summary>
    public required DateTimeOffset ProcessedAt { get; set; }
}
