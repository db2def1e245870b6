using System.Net.Http.Json;
using System.Text.Json;
using Shop.Cli.DeadLetters;

namespace Shop.Cli.Running;

/// <summary>The backlog of a service's outbox and its dead letters; null where the service did not answer.</summary>
/// <param name="Service">The service.</param>
/// <param name="Waiting">Events that are not published yet.</param>
/// <param name="Parked">Events that could not be published, and those behind them.</param>
/// <param name="DeadLetters">Messages that it could not handle; at most 200 of each queue are counted.</param>
/// <param name="Oldest">Since when the oldest of all these has been there.</param>
internal sealed record WaitingMessages(string Service, long? Waiting, long? Parked, int? DeadLetters, DateTimeOffset? Oldest)
{
    private const int MostOfAQueue = 200;
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(5);

    /// <summary>Asks a service, as staff.</summary>
    public static async Task<WaitingMessages> AskAsync(HttpClient http, string service, Uri address, CancellationToken ct)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(ct);
        timeout.CancelAfter(s_timeout);
        try
        {
            var outbox = await http.GetFromJsonAsync<OutboxView>(new Uri(address, "/outbox"), timeout.Token);
            var letters = await http.GetFromJsonAsync<List<DeadLetterView>>(new Uri(address, $"/dead-letters?limit={MostOfAQueue}"), timeout.Token);
            var times = letters!.Select(letter => letter.FirstDeath).Concat(outbox!.Streams.Select(stream => (DateTimeOffset?)stream.Since))
                .Append(outbox.Oldest);
            return new WaitingMessages(service, outbox.Waiting, outbox.Parked, letters!.Count, times.Min());
        }
        catch (Exception e) when (e is HttpRequestException or JsonException || (e is OperationCanceledException && !ct.IsCancellationRequested))
        {
            return new WaitingMessages(service, null, null, null, null);
        }
    }

    /// <summary>What to do about it; null where nothing needs a person.</summary>
    public IEnumerable<string> Actions()
    {
        if (Parked > 0)
        {
            yield return $"{Numbers.Count(Parked.Value, "parked event")} in {Service}'s outbox: ./shop outbox {Service}";
        }

        if (DeadLetters > 0)
        {
            yield return $"{Numbers.Count(DeadLetters.Value, "dead letter")} of {Service}: ./shop dead-letters";
        }
    }
}
