using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Shop.Benchmarks.Model;
using Shop.ServiceDefaults.Hosting;

namespace Shop.Peers.Model;

/// <summary>The benchmark's orders and effects, without Shop's messaging. Public, because Wolverine's generated code uses it.</summary>
public class PeerDbContext(DbContextOptions<PeerDbContext> options) : DbContext(options)
{
    internal DbSet<BenchOrder> Orders => Set<BenchOrder>();

    internal DbSet<BenchEffect> Effects => Set<BenchEffect>();

    /// <summary>The event whose cause the next commit makes.</summary>
    internal Guid? Producing { get; set; }

    /// <summary>The events whose effects the next commit makes.</summary>
    internal List<Guid> Consuming { get; } = [];

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        BenchDbContext.Map(modelBuilder);
        modelBuilder.UseSnakeCaseNames();
    }
}

/// <summary>Notes when causes and effects were committed.</summary>
internal sealed class PeerCommits : CommitInterceptor
{
    public static readonly PeerCommits Instance = new();

    protected override void Note(DbContext? context)
    {
        if (context is not PeerDbContext db)
        {
            return;
        }

        if (db.Producing is { } produced)
        {
            CommitClock.Sent(produced, Stopwatch.GetTimestamp());
            db.Producing = null;
        }

        db.Consuming.ForEach(CommitClock.Committed);
        db.Consuming.Clear();
    }
}
