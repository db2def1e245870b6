using System.Threading.Channels;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Shop.Ordering.Persistence;

namespace Shop.Ordering.Features.OrderEvents;

/// <summary>
/// Tells open streams that their order moved. What moved is not passed on: each stream reads it from the history, so a slow
/// client keeps one bit here and no event can be lost or come twice. Changes made by this instance ring at once; a slow poll,
/// one query for all the orders that are watched here, finds those made by others and those whose ring was lost.
/// </summary>
internal sealed partial class OrderStreams(
    IServiceScopeFactory scopes, IOptions<OrderingSettings> settings, TimeProvider clock, ILogger<OrderStreams> logger)
    : BackgroundService
{
    private readonly Lock _lock = new();
    private readonly Dictionary<Guid, List<OrderWatch>> _watches = [];

    /// <summary>Watches an order until the watch is disposed.</summary>
    public OrderWatch Watch(Guid orderId)
    {
        var watch = new OrderWatch(orderId, this);
        lock (_lock)
        {
            if (!_watches.TryGetValue(orderId, out var watches))
            {
                _watches.Add(orderId, watches = []);
            }

            watches.Add(watch);
        }

        return watch;
    }

    /// <summary>How many streams are open here.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _watches.Values.Sum(watches => watches.Count);
            }
        }
    }

    /// <summary>The order has this version now: wakes the streams that have not shown it yet.</summary>
    public void Ring(Guid orderId, int version)
    {
        lock (_lock)
        {
            foreach (var watch in _watches.GetValueOrDefault(orderId) ?? [])
            {
                watch.Ring(version);
            }
        }
    }

    public void End(OrderWatch watch)
    {
        lock (_lock)
        {
            if (_watches.TryGetValue(watch.OrderId, out var watches) && watches.Remove(watch) && watches.Count == 0)
            {
                _watches.Remove(watch.OrderId);
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(settings.Value.WatchInterval, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await LookAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The service is being stopped.
        }
    }

    private async Task LookAsync(CancellationToken ct)
    {
        Guid[] watched;
        lock (_lock)
        {
            watched = [.. _watches.Keys];
        }

        if (watched.Length == 0)
        {
            return;
        }

        try
        {
            await using var scope = scopes.CreateAsyncScope();
            var versions = await scope.ServiceProvider.GetRequiredService<OrderingDbContext>().Orders.AsNoTracking()
                .Where(order => watched.Contains(order.Id)).Select(order => new { order.Id, order.Version }).ToListAsync(ct);
            versions.ForEach(order => Ring(order.Id, order.Version));
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            LogFailed(e.Message);
        }
    }

    [LoggerMessage(LogLevel.Warning, "Looking for changes of watched orders failed; the next round tries again: {Reason}")]
    private partial void LogFailed(string reason);
}

/// <summary>One open stream's bell.</summary>
internal sealed class OrderWatch(Guid orderId, OrderStreams streams) : IDisposable
{
    private readonly Channel<bool> _rings = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private int _shown;

    public Guid OrderId => orderId;

    /// <summary>The stream has shown this version: no need to ring for it.</summary>
    public void Shown(int version) => Volatile.Write(ref _shown, version);

    public void Ring(int version)
    {
        if (version > Volatile.Read(ref _shown))
        {
            _rings.Writer.TryWrite(true);
        }
    }

    /// <summary>Waits for a ring. False if the time is up before.</summary>
    public async Task<bool> WaitAsync(TimeSpan atMost, TimeProvider clock, CancellationToken ct)
    {
        using var time = new CancellationTokenSource(atMost, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, time.Token);
        try
        {
            return await _rings.Reader.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return false;
        }
    }

    public void Dispose() => streams.End(this);
}
