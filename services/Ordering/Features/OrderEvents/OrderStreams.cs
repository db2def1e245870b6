using System.Threading.Channels;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Shop.Ordering.Persistence;

namespace Shop.Ordering.Features.OrderEvents;

/// <summary>
/// Signals open streams that their order changed. The change itself is not passed on: each stream reads it from the history, so a slow
/// client costs one bit here and no event can be lost or duplicated. Changes by this instance signal immediately; a slow poll,
/// one query for all watched orders, finds changes by other instances and lost signals.
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

    /// <summary>The number of open streams of this instance.</summary>
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

    /// <summary>Signals the streams that have not shown this version yet.</summary>
    public void Notify(Guid orderId, int version)
    {
        lock (_lock)
        {
            foreach (var watch in _watches.GetValueOrDefault(orderId) ?? [])
            {
                watch.Notify(version);
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
                await PollAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The service is being stopped.
        }
    }

    private async Task PollAsync(CancellationToken ct)
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
            versions.ForEach(order => Notify(order.Id, order.Version));
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            LogFailed(e.Message);
        }
    }

    [LoggerMessage(LogLevel.Warning, "Polling watched orders failed; retried in the next round: {Reason}")]
    private partial void LogFailed(string reason);
}

/// <summary>The signal of one open stream.</summary>
internal sealed class OrderWatch(Guid orderId, OrderStreams streams) : IDisposable
{
    private readonly Channel<bool> _signals = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private int _shown;

    public Guid OrderId => orderId;

    /// <summary>Records that the stream has shown this version, which needs no signal then.</summary>
    public void Shown(int version) => Volatile.Write(ref _shown, version);

    public void Notify(int version)
    {
        if (version > Volatile.Read(ref _shown))
        {
            _signals.Writer.TryWrite(true);
        }
    }

    /// <summary>Waits for a signal. False on timeout.</summary>
    public async Task<bool> WaitAsync(TimeSpan atMost, TimeProvider clock, CancellationToken ct)
    {
        using var time = new CancellationTokenSource(atMost, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, time.Token);
        try
        {
            return await _signals.Reader.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return false;
        }
    }

    public void Dispose() => streams.End(this);
}
