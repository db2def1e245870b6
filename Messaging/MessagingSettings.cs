namespace Shop.Messaging;

/// <summary>The two relay strategies.</summary>
internal enum RelayKind
{
    /// <summary>Events are rows of the table outbox, which the relay claims.</summary>
    Polling,

    /// <summary>Events are messages in the database's write-ahead log, which the relay reads through a replication slot.</summary>
    LogTailing,
}

/// <summary>The settings of messaging; the configuration section <c>Messaging</c> overrides the defaults. Validated at startup.</summary>
internal sealed class MessagingSettings
{
    /// <summary>The tag of the readiness health checks.</summary>
    public const string ReadyTag = "ready";

    /// <summary>The service's name in lower case: the first part of all its broker objects.</summary>
    public required string Service { get; init; }

    /// <summary>The prefix of the service's name in the CloudEvents source of its events: <c>urn:</c> gives <c>urn:ordering</c>.</summary>
    public string SourcePrefix { get; init; } = "urn:";

    /// <summary>The virtual host of the definitions: by default that of <see cref="Broker"/>.</summary>
    public string VirtualHost { get; init; } = "/";

    /// <summary>Advice for the log and the health check where queues or exchanges are missing.</summary>
    public string TopologyAdvice { get; init; } = "Load the service's definitions into the broker";

    /// <summary>The database's connection string.</summary>
    public required string Database { get; init; }

    /// <summary>The broker, with user, password and virtual host.</summary>
    public required Uri Broker { get; init; }

    /// <summary>Whether this process relays; false for a process that only appends.</summary>
    public bool RelayEnabled { get; init; } = true;

    /// <summary>For a service with <c>UseLogTailing</c>: log tailing (the default) or back to polling.</summary>
    public RelayKind? Relay { get; init; }

    /// <summary>
    /// With log tailing: bytes of log that may wait for the broker, 1 GiB by default. Beyond it events are moved
    /// into the table, so that the server can remove the log. At most half of the server's max_slot_wal_keep_size, if that is set.
    /// </summary>
    public long MaxRetainedLog { get; init; } = 1L << 30;

    /// <summary>How long the migrate command waits until the log is read, when it switches back to polling.</summary>
    public TimeSpan SwitchTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The largest batch that the relay claims, from 1 to 10,000.</summary>
    public int BatchSize { get; init; } = 500;

    /// <summary>How long the relay waits for a signal before it polls.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>
    /// Older versions of this service's events, by wire name, that are no longer published, such as
    /// <c>ordering.order-placed.v1</c>. All others are published beside the newest version: see docs/contracts.md.
    /// </summary>
    public IReadOnlyList<string> RetiredVersions { get; init; } = [];

    /// <summary>How long to wait for the broker's confirms of a batch. Shorter than <see cref="RelayLease"/>.</summary>
    public TimeSpan ConfirmTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>After how long idle the database ends a relay's session, which releases its partitions to others.</summary>
    public TimeSpan RelayLease { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The first delay before a parked event is retried; doubled each time.</summary>
    public TimeSpan FirstRetryDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest delay before a parked event is retried.</summary>
    public TimeSpan MaxRetryDelay { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>After how long a waiting or parked event makes the service's health degraded.</summary>
    public TimeSpan StuckAfter { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>After how long without a settled message, while messages wait, a consumer makes the service unhealthy. At least a second.</summary>
    public TimeSpan StalledAfter { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>The prefetch count of a consumer. Modest: a crash requeues all prefetched messages, which counts as a delivery of each.</summary>
    public ushort Prefetch { get; init; } = 32;

    /// <summary>The most events that a batch consumer processes in one transaction, from 1 to 1,000. It prefetches twice as many.</summary>
    public int ConsumeBatchSize { get; init; } = 200;

    /// <summary>How often a failing message is retried immediately, before a delayed retry; 0 to 100.</summary>
    public int ImmediateRetries { get; init; } = 5;

    /// <summary>
    /// The delay before each delayed retry of a failing message, at least a millisecond each; after the last one it is dead-lettered.
    /// By default 1 s, growing fivefold to 10 min: some 13 minutes in all. Whole milliseconds; the same for all instances.
    /// </summary>
    public IReadOnlyList<TimeSpan>? RetryDelays { get; init; }

    /// <summary>
    /// How long the inbox knows an event as processed: longer than a message may be redelivered, which is all <see cref="RetryDelays"/> plus the
    /// time until dead letters are retried. At least a day longer than the delays. Removed by whole days.
    /// </summary>
    public TimeSpan InboxRetention { get; init; } = TimeSpan.FromDays(30);
}
