namespace Shop.Operations;

/// <summary>The backlog of a service's outbox and its dead letters; null where the service did not answer.</summary>
/// <param name="Service">The service.</param>
/// <param name="Waiting">Events that are not published yet.</param>
/// <param name="Parked">Events that could not be published, and those behind them.</param>
/// <param name="DeadLetters">Messages that it could not handle; at most 200 of each queue are counted.</param>
/// <param name="Oldest">Since when the oldest of all these has been there.</param>
public sealed record Backlog(string Service, long? Waiting, long? Parked, int? DeadLetters, DateTimeOffset? Oldest)
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(5);

    /// <summary>Asks a service.</summary>
    public static async Task<Backlog> AskAsync(StaffApi service, CancellationToken ct)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(ct);
        timeout.CancelAfter(s_timeout);
        var answer = await Answer.OrUnknownAsync(service.Service, async () =>
        {
            var outbox = await service.OutboxAsync(timeout.Token);
            var letters = await service.DeadLettersAsync(queue: null, timeout.Token);
            var times = letters.Select(letter => letter.FirstDeath).Concat(outbox.Streams.Select(stream => (DateTimeOffset?)stream.Since))
                .Append(outbox.Oldest);
            return new Backlog(service.Service, outbox.Waiting, outbox.Parked, letters.Count, times.Min());
        }, ct);
        return answer.Value ?? new Backlog(service.Service, null, null, null, null);
    }

    /// <summary>What needs a person.</summary>
    public IEnumerable<Trouble> Troubles()
    {
        if (Parked > 0)
        {
            yield return new Trouble($"{Words.Count(Parked.Value, "parked event")} in {Service}'s outbox", "", new Place(PlaceKind.Outbox, Service));
        }

        if (DeadLetters > 0)
        {
            yield return new Trouble($"{Words.Count(DeadLetters.Value, "dead letter")} of {Service}", "", new Place(PlaceKind.DeadLetters, Service));
        }
    }
}
