using System.Globalization;

namespace Shop.Messaging.RabbitMq;

/// <summary>
/// A service's part of the broker, derived from the contracts and its consumers: a fanout exchange per event it owns, and
/// per consumer a quorum queue with its dead letters, bound to the exchanges of the events that it subscribes to. A failed message
/// waits in a retry queue, shared by all consumers of the service, and returns from there to its own queue.
/// <see cref="BrokerDefinitions"/> exports it for the broker; <see cref="TopologyDeclaration"/> declares it where a service opts in.
/// </summary>
internal sealed class BrokerTopology
{
    /// <summary>
    /// Deliveries before the broker itself dead-letters a message, for poison messages that kill the process. A requeued
    /// prefetch counts for all of its messages, hence far above the consumer's own retries.
    /// </summary>
    public const int DeliveryLimit = 50;

    private static readonly TimeSpan[] s_retryDelays =
    [
        TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(25), TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(10),
    ];

    private readonly List<ConsumerQueue> _queues = [];
    private readonly TaskCompletionSource _answered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource? _declared;

    public BrokerTopology(string service, EventCatalog events, IReadOnlyList<TimeSpan>? retryDelays = null)
    {
        Events = events;
        Service = service;
        RetryDelays = retryDelays ?? s_retryDelays;
        if (RetryDelays.Any(delay => delay < TimeSpan.FromMilliseconds(1) || delay > TimeSpan.FromDays(1)))
        {
            throw new InvalidOperationException("Each of Messaging:RetryDelays must be from 1 ms to 1 day, such as 00:00:05.");
        }

        Exchanges = [.. events.Names.Where(name => name.StartsWith(service + ".", StringComparison.Ordinal))];
    }

    public string Service { get; }

    /// <summary>The virtual host.</summary>
    public string VirtualHost { get; init; } = "/";

    /// <summary>All known events.</summary>
    public EventCatalog Events { get; }

    /// <summary>The exchanges of the events that this service publishes.</summary>
    public IReadOnlyList<string> Exchanges { get; }

    public IReadOnlyList<ConsumerQueue> Queues => _queues;

    /// <summary>Completes when this service has declared its topology; already completed where it does not declare it.</summary>
    public Task Declared => _declared?.Task ?? Task.CompletedTask;

    /// <summary>Completes with <see cref="Declared"/>, or when the broker has refused the declaration.</summary>
    public Task DeclarationAnswered => _declared is null ? Task.CompletedTask : _answered.Task;

    /// <summary>The delay before each delayed retry.</summary>
    public IReadOnlyList<TimeSpan> RetryDelays { get; }

    /// <summary>Routes messages whose retry delay is over back to their queue, by routing key.</summary>
    public string RedeliveryExchange => Service + ".redelivery";

    /// <summary>The exchange, and the queue behind it, of discarded dead letters.</summary>
    public string DiscardedQueue => Service + ".discarded";

    public static string DeadLettersOf(string queue) => queue + ".dead";

    /// <summary>The arguments of every consumer queue: in the definitions, and in MassTransit's own declaration at each start.</summary>
    public static Dictionary<string, object?> QueueArguments(string queue) => new()
    {
        ["x-queue-type"] = "quorum",
        ["x-delivery-limit"] = DeliveryLimit,
        ["x-dead-letter-exchange"] = DeadLettersOf(queue),
        ["x-dead-letter-strategy"] = "at-least-once",
        ["x-overflow"] = "reject-publish", // required by at-least-once dead-lettering
    };

    /// <summary>
    /// The exchange, and the queue behind it, where messages wait for this retry, from 1; later retries share the last one. The delay
    /// is each message's expiration, not the queue's TTL, because a queue's arguments cannot change.
    /// </summary>
    public string RetryExchange(int retry) =>
        string.Create(CultureInfo.InvariantCulture, $"{Service}.retry-{Math.Min(retry, s_retryDelays.Length)}");

    /// <summary>As many as there are default delays, whatever is configured: the definitions do not depend on the configuration.</summary>
    public IEnumerable<string> RetryExchanges => Enumerable.Range(1, s_retryDelays.Length).Select(RetryExchange);

    /// <summary>How long a message may wait in this retry queue, from 1; zero if nothing is sent there.</summary>
    public TimeSpan LongestDelayOf(int retry) =>
        RetryDelays.Skip(retry - 1).Take(retry < s_retryDelays.Length ? 1 : int.MaxValue).DefaultIfEmpty().Max();

    public Dictionary<string, object?> RetryArguments() => new()
    {
        ["x-queue-type"] = "quorum",
        ["x-dead-letter-exchange"] = RedeliveryExchange,
        ["x-dead-letter-strategy"] = "at-least-once",
        ["x-overflow"] = "reject-publish",
    };

    public static Dictionary<string, object?> DeadLetterArguments() => new() { ["x-queue-type"] = "quorum" };

    public void ExpectDeclaration() => _declared ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void MarkDeclared()
    {
        _declared?.TrySetResult();
        _answered.TrySetResult();
    }

    public void MarkRefused() => _answered.TrySetResult();

    /// <summary>Adds a consumer's queue.</summary>
    /// <param name="consumer">The consumer's part of the queue's name.</param>
    /// <param name="events">The wire names of the events that the queue is bound to.</param>
    public ConsumerQueue Add(string consumer, IEnumerable<string> events)
    {
        var queue = new ConsumerQueue($"{Service}.{consumer}", [.. events.Order(StringComparer.Ordinal)]);
        _queues.Add(queue);
        return queue;
    }

    /// <summary>Whether a queue receives each such event twice, because it is bound to an older version as well.</summary>
    public bool ReceivesBothVersions(string queue, Type @event) => Events.OlderThan(@event) is { } older
        && _queues.Any(known => known.Name == queue && known.Events.Contains(Events.NameOf(older)));
}

/// <summary>A consumer's queue and the wire names of the events that it is bound to.</summary>
internal sealed record ConsumerQueue(string Name, IReadOnlyList<string> Events);
