using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Shop.Notification.Features;
using Shop.Notification.Features.Deliver;
using Shop.Notification.Persistence;

namespace Shop.Notification.Tests;

/// <summary>
/// A claim grows while deliveries are quick, because a larger one shares its statements, and is small again when they are not: all of it waits for
/// the lease to end after a crash.
/// </summary>
public sealed class ClaimSizeTests : IAsyncLifetime
{
    private readonly Clock _clock = new();
    private readonly Sender _sender;
    private readonly DeliverySettings _settings = new()
    {
        PollInterval = TimeSpan.FromMilliseconds(10),
        StartWithin = TimeSpan.FromMinutes(1),
    };

    private TestDatabase _database = null!;
    private ServiceProvider _services = null!;
    private DeliveryWorker _worker = null!;

    public ClaimSizeTests() => _sender = new Sender(_clock);

    public async ValueTask InitializeAsync()
    {
        _database = await TestServers.CreateDatabaseAsync("notification");
        _services = new ServiceCollection()
            .AddDbContext<NotificationDbContext>(options => options.UseNpgsql(_database.ConnectionString))
            .AddSingleton<TimeProvider>(_clock).AddSingleton(Options.Create(_settings)).AddScoped<DeliveryQueue>()
            .BuildServiceProvider();
        await using var scope = _services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<NotificationDbContext>().Database.MigrateAsync();
        var scopes = _services.GetRequiredService<IServiceScopeFactory>();
        _worker = new DeliveryWorker(scopes, _sender, new DeliverySignal(), new DeliveredBatcher(scopes), Options.Create(_settings), _clock,
            NullLogger<DeliveryWorker>.Instance);
    }

    public async ValueTask DisposeAsync()
    {
        await _worker.StopAsync(CancellationToken.None);
        _worker.Dispose();
        await _services.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task Quick_deliveries_are_claimed_many_at_a_time_and_slow_ones_few()
    {
        await _worker.StartAsync(CancellationToken.None);
        await DeliverAsync(400);
        var quick = _sender.TakeClaims();
        Assert.InRange(quick.Max(), _settings.Concurrency + 1, _settings.Concurrency * 8);

        // A claim that does not fill its limit has seen the end of the backlog; the second is sure to be after that.
        await DeliverAsync(3);
        await DeliverAsync(3);
        _sender.TakeClaims();
        _clock.PerDelivery = TimeSpan.FromMilliseconds(600);
        await DeliverAsync(60);
        Assert.InRange(_sender.TakeClaims().Max(), 1, _settings.Concurrency);
    }

    private async Task DeliverAsync(int count)
    {
        await using var scope = _services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<NotificationDbContext>();
        db.AddRange(Enumerable.Range(0, count).Select(_ => Due()));
        await db.SaveChangesAsync();
        await Eventually.HoldsAsync("all are delivered", async () =>
            await _database.ScalarAsync<long>("SELECT count(*) FROM notifications WHERE status <> 'Delivered'") == 0);
    }

    private Notification Due()
    {
        var id = Guid.CreateVersion7();
        return new Notification
        {
            Id = id,
            EventId = id,
            Audience = Audiences.Staff,
            Recipient = "staff",
            Channel = Channels.Email,
            Subject = "s",
            Text = "t",
            Status = NotificationStatus.Pending,
            NextAttemptAt = _clock.GetUtcNow(),
            CreatedAt = _clock.GetUtcNow(),
        };
    }

    /// <summary>Every reading of the time is another, so that each claim has a lease of its own; only deliveries take time.</summary>
    private sealed class Clock : TimeProvider
    {
        private long _readings;
        private long _taken;

        public TimeSpan PerDelivery { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override DateTimeOffset GetUtcNow() =>
            new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero).AddMicroseconds(Interlocked.Increment(ref _readings));

        public override long GetTimestamp() => Interlocked.Read(ref _taken);

        public void Deliver() => Interlocked.Add(ref _taken, PerDelivery.Ticks);
    }

    /// <summary>Delivers to nobody, and remembers by the lease which notifications were claimed together.</summary>
    private sealed class Sender(Clock clock) : INotificationSender
    {
        private readonly ConcurrentQueue<DateTimeOffset> _leases = new();

        public string Channel => Channels.Email;

        public Task SendAsync(Notification notification, Contact contact, CancellationToken ct)
        {
            _leases.Enqueue(notification.NextAttemptAt!.Value);
            clock.Deliver();
            return Task.CompletedTask;
        }

        public List<int> TakeClaims()
        {
            List<int> sizes = [.. _leases.GroupBy(lease => lease).Select(claim => claim.Count())];
            _leases.Clear();
            return sizes;
        }
    }
}
