namespace Shop.Messaging;

/// <summary>The two ways from a commit to the broker.</summary>
internal enum RelayKind
{
    /// <summary>Events are rows of the table outbox, which the relay claims.</summary>
    Polling,

    /// <summary>Events are messages in the database's write-ahead log, which the relay reads through a replication slot.</summary>
    LogTailing,
}

/// <summary>What messaging needs to know; the section <c>Messaging</c> of the configuration overrides the defaults.</summary>
internal sealed class MessagingSettings
{
    /// <summary>The tag of the health checks that say whether a service is ready.</summary>
    public const string ReadyTag = "ready";

    /// <summary>The service's name in lower case: the first part of all its broker objects.</summary>
    public required string Service { get; init; }

    /// <summary>What comes before the service's name in the CloudEvents source of its events: <c>urn:</c> gives <c>urn:ordering</c>.</summary>
    public string SourcePrefix { get; init; } = "urn:";

    /// <summary>The virtual host of the definitions: by default that of <see cref="Broker"/>.</summary>
    public string VirtualHost { get; init; } = "/";

    /// <summary>What to do where the broker lacks something that the service needs.</summary>
    public string TopologyAdvice { get; init; } = "Load the service's definitions into the broker";

    /// <summary>The database's connection string.</summary>
    public required string Database { get; init; }

    /// <summary>The broker, with user, password and virtual host.</summary>
    public required Uri Broker { get; init; }

    /// <summary>Whether this process relays; false for a process that only appends.</summary>
    public bool RelayEnabled { get; init; } = true;

    /// <summary>For a service that uses log tailing: whether it goes on (also where it is not set) or goes back to polling.</summary>
    public RelayKind? Relay { get; init; }

    /// <summary>
    /// With log tailing: bytes of log that may wait for the broker, 1 GiB by default. Beyond it events are moved
    /// into the table, so that the server can let go of the log. At most half of the server's max_slot_wal_keep_size, if that is set.
    /// </summary>
    public long MaxRetainedLog { get; init; } = 1L << 30;

    /// <summary>How long the migrate command waits until the log is read, when it switches back to polling.</summary>
    public TimeSpan SwitchPatience { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Events that the relay claims at once, from 1.</summary>
    public int BatchSize { get; init; } = 500;

    /// <summary>How long the relay waits for a ring before it looks by itself.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>
    /// Older versions of this service's events, by wire name, that are not published any more, such as
    /// <c>ordering.order-placed.v1</c>. Every other is published beside the newest one: see docs/contracts.md.
    /// </summary>
    public IReadOnlyList<string> NoLongerConsumed { get; init; } = [];

    /// <summary>How long a batch may wait for the broker's confirms. Shorter than <see cref="RelayLease"/>.</summary>
    public TimeSpan ConfirmTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>After how long a silence the database ends a relay's session, which frees its partitions for others.</summary>
    public TimeSpan RelayLease { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The first delay before an event that could not be sent is tried again; doubled each time.</summary>
    public TimeSpan FirstRetryDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest delay before an event that could not be sent is tried again.</summary>
    public TimeSpan MaxRetryDelay { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>After how long an event that waits or is parked makes the service's health degraded.</summary>
    public TimeSpan StuckAfter { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>After how long without one settled message, while some wait, a consumer makes the service unhealthy. At least a second.</summary>
    public TimeSpan StalledAfter { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Messages that a consumer holds at once. Modest: a requeued prefetch counts as a delivery for all of it.</summary>
    public ushort Prefetch { get; init; } = 32;

    /// <summary>Events that a batch consumer takes at most in one transaction, from 1 to 1,000. It holds twice as many.</summary>
    public int ConsumeBatchSize { get; init; } = 200;

    /// <summary>How often a failing message is tried again at once before it has to wait.</summary>
    public int ImmediateRetries { get; init; } = 5;

    /// <summary>
    /// How long a failing message waits before each further try, at least a millisecond each; after the last one it goes to the dead
    /// letters. By default 1 s, growing fivefold to 10 min: some 13 minutes in all. Whole milliseconds; the same for all instances.
    /// </summary>
    public IReadOnlyList<TimeSpan>? RetryDelays { get; init; }

    /// <summary>
    /// How long an event is known as taken: longer than a message can come again, which is all <see cref="RetryDelays"/>, and the
    /// time until a person sends dead letters again. At least a day longer than the delays. Removed by whole days.
    /// </summary>
    public TimeSpan InboxRetention { get; init; } = TimeSpan.FromDays(30);
}
