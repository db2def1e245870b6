namespace Shop.Messaging.Operations;

/// <summary>The first parked event of a stream, which the others wait for.</summary>
internal sealed record ParkedHead(long Seq, short Partition, string Stream, int Attempts);

/// <summary>
/// Parked events, by the first of each stream: those that were there at the start, so that a cause that is not mended ends it. To retry is to make
/// them due: the relay publishes them, with those behind them, and at the end it is awaited.
/// </summary>
internal sealed class ParkedRedrive(Guid job, RedriveOrder order, ParkedEvents parked, TimeProvider clock) : IRedrive
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(200);

    private readonly Queue<ParkedHead> _ahead = [];
    private readonly List<ParkedHead> _tried = [];

    public async Task<int> CountAsync(CancellationToken ct)
    {
        foreach (var head in await parked.HeadsAsync(order.Group, ct))
        {
            _ahead.Enqueue(head);
        }

        return _ahead.Count;
    }

    public async Task<Moved> StepAsync(CancellationToken stopping)
    {
        var count = 0;
        while (count < order.PerSecond && _ahead.TryDequeue(out var head))
        {
            if (await MoveAsync(head, stopping))
            {
                count++;
                _tried.Add(head);
            }
        }

        return new Moved(count, order.Kind == RedriveJob.Discard ? 0 : await RefusedAsync(wait: count == 0, stopping));
    }

    private async Task<bool> MoveAsync(ParkedHead head, CancellationToken ct) => order.Kind == RedriveJob.Discard
        ? (await parked.DiscardAsync(head.Seq, behind: null, order.Reason ?? "", order.By, job, ct)).Discarded
        : await parked.RetryAsync(head, ct);

    /// <summary>How many of those that were retried the broker refused again; at the end also those that no relay has tried.</summary>
    private async Task<int> RefusedAsync(bool wait, CancellationToken stopping)
    {
        var start = clock.GetTimestamp();
        while (true)
        {
            var there = await parked.AttemptsAsync(_tried, CancellationToken.None);
            var refused = _tried.Count(head => there.TryGetValue(head.Seq, out var attempts) && attempts > head.Attempts);
            if (!wait || refused == there.Count)
            {
                return refused;
            }

            if (clock.GetElapsedTime(start) > s_patience || stopping.IsCancellationRequested)
            {
                return there.Count;
            }

            await Task.Delay(s_look, clock, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
