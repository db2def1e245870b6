using System.Globalization;

namespace Shop.Messaging.RabbitMq;

/// <summary>
/// A service's part of the broker, derived from the contracts and its consumers: a fanout exchange per event it owns, and
/// per consumer a quorum queue with its dead letters, bound to the exchanges of the events that the consumer takes. What fails
/// waits in a queue per retry, which all consumers of the service share, and from there comes back to the queue it was from.
/// <see cref="BrokerDefinitions"/> writes it down for the broker; <see cref="TopologyDeclaration"/> declares it where a service opts in.
/// </summary>
internal sealed class BrokerTopology
{
    /// <summary>
    /// Deliveries before the broker itself sets a message aside, so that one that kills its process ends somewhere. A requeued
    /// prefetch counts for all of its messages, hence far above the consumer's own retries.
    /// </summary>
    public const int DeliveryLimit = 50;

    private static readonly TimeSpan[] s_retryDelays =
    [
        TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(25), TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(10),
    ];

    private readonly List<ConsumerQueue> _queues = [];
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

    /// <summary>The virtual host that all of it is in.</summary>
    public string VirtualHost { get; init; } = "/";

    /// <summary>The events that there are.</summary>
    public EventCatalog Events { get; }

    /// <summary>The exchanges of the events that this service publishes.</summary>
    public IReadOnlyList<string> Exchanges { get; }

    public IReadOnlyList<ConsumerQueue> Queues => _queues;

    /// <summary>Ends when this service has declared all of it in the broker; at once where others do that.</summary>
    public Task Declared => _declared?.Task ?? Task.CompletedTask;

    /// <summary>How long a failed message waits before each further try.</summary>
    public IReadOnlyList<TimeSpan> RetryDelays { get; }

    /// <summary>Brings messages that have waited back to the queue that their routing key names.</summary>
    public string RedeliveryExchange => Service + ".redelivery";

    /// <summary>The exchange, and the queue behind it, where dead letters lie that a person discarded.</summary>
    public string DiscardedQueue => Service + ".discarded";

    public static string DeadLettersOf(string queue) => queue + ".dead";

    /// <summary>The arguments of every consumer queue: in the definitions, and in MassTransit's own declaration at each start.</summary>
    public static Dictionary<string, object?> QueueArguments(string queue) => new()
    {
        ["x-queue-type"] = "quorum",
        ["x-delivery-limit"] = DeliveryLimit,
        ["x-dead-letter-exchange"] = DeadLettersOf(queue),
        ["x-dead-letter-strategy"] = "at-least-once",
        ["x-overflow"] = "reject-publish", // at-least-once dead-lettering asks for it
    };

    /// <summary>
    /// The exchange, and the queue behind it, where messages wait for this retry, from 1; those after the last share it. How long
    /// is said by each message, not by the queue, whose arguments could not change.
    /// </summary>
    public string RetryExchange(int retry) =>
        string.Create(CultureInfo.InvariantCulture, $"{Service}.retry-{Math.Min(retry, s_retryDelays.Length)}");

    /// <summary>As many as there are delays by default, whatever the configuration says: the definitions are the same for all.</summary>
    public IEnumerable<string> RetryExchanges => Enumerable.Range(1, s_retryDelays.Length).Select(RetryExchange);

    public Dictionary<string, object?> RetryArguments() => new()
    {
        ["x-queue-type"] = "quorum",
        ["x-dead-letter-exchange"] = RedeliveryExchange,
        ["x-dead-letter-strategy"] = "at-least-once",
        ["x-overflow"] = "reject-publish",
    };

    public static Dictionary<string, object?> DeadLetterArguments() => new() { ["x-queue-type"] = "quorum" };

    public void WillBeDeclared() => _declared ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void HasDeclared() => _declared?.TrySetResult();

    /// <summary>Adds a consumer's queue.</summary>
    /// <param name="consumer">The consumer's part of the queue's name.</param>
    /// <param name="events">The wire names of the events that the queue is bound to.</param>
    public ConsumerQueue Add(string consumer, IEnumerable<string> events)
    {
        var queue = new ConsumerQueue($"{Service}.{consumer}", [.. events.Order(StringComparer.Ordinal)]);
        _queues.Add(queue);
        return queue;
    }

    /// <summary>Whether a queue gets each such event twice, because it is bound to an older version of it as well.</summary>
    public bool IsToldInTwoVersions(string queue, Type @event) => Events.OlderThan(@event) is { } older
        && _queues.Any(known => known.Name == queue && known.Events.Contains(Events.NameOf(older)));
}

/// <summary>A consumer's queue and the wire names of the events that it is bound to.</summary>
internal sealed record ConsumerQueue(string Name, IReadOnlyList<string> Events);
