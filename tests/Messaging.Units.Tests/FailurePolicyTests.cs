using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Npgsql;
using RabbitMQ.Client;
using Shop.Contracts;
using Shop.Messaging.Consuming;
using Shop.Messaging.DomainEvents;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Telemetry;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Units.Tests;

/// <summary>M7: whether a failed message is retried or dead-lettered.</summary>
public sealed class FailurePolicyTests
{
    private const string Queue = "ordering.any";

    private static readonly Exception s_bug = new InvalidOperationException("a bug");
    private static readonly Exception s_away = new NpgsqlException("away", new IOException());
    private static readonly Exception s_conflict = new DbUpdateConcurrencyException("conflict");

    private readonly List<(LogLevel Level, string Text)> _logged = [];
    private readonly FailurePolicy _policy;

    public FailurePolicyTests()
    {
        var settings = new MessagingSettings { Service = "ordering", Database = "", Broker = new Uri("amqp://nowhere"), ImmediateRetries = 3 };
        TimeSpan[] delays = [TimeSpan.FromMicroseconds(1_500_400), TimeSpan.FromMinutes(2)];
        _policy = new FailurePolicy(new BrokerTopology("ordering", ShopEvents.Catalog, delays), settings, new FakeTimeProvider(TestEvents.Now), new Logger(_logged));
    }

    [Theory]
    [InlineData(new[] { 1, 2 }, new[] { 1, 2, 0, 0, 0 })]
    [InlineData(new[] { 1, 2, 3, 4, 5, 9, 7 }, new[] { 1, 2, 3, 4, 9 })]
    public void Retries_beyond_the_last_retry_queue_share_it_with_their_longest_delay(int[] delays, int[] longest)
    {
        var topology = new BrokerTopology("ordering", ShopEvents.Catalog, [.. delays.Select(delay => TimeSpan.FromSeconds(delay))]);

        Assert.Equal("ordering.retry-5", topology.RetryExchange(delays.Length + 5));
        Assert.Equal(longest, topology.RetryExchanges.Select((_, index) => (int)topology.LongestDelayOf(index + 1).TotalSeconds));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void While_the_database_is_unavailable_messages_are_retried_without_limit(bool alone) => Assert.Equal(
        [200, 400, 800, 1_600, 3_000, 3_000, 3_000], Pauses(s_away, alone, 7));

    [Fact]
    public void A_conflict_is_retried_with_exponential_backoff_up_to_640_ms()
    {
        double?[] conflicts = [10, 20, 40, 80, 160, 320, .. Enumerable.Repeat((double?)640, 13)];

        Assert.Equal([.. conflicts, null], Pauses(s_conflict, alone: false, 20));
        Assert.Equal([.. conflicts, 0, 25, 50, null], Pauses(s_conflict, alone: true, 23));
        Assert.Equal([10, 20, 40], Pauses(Postgres("55P03"), alone: false, 3)); // a lock timeout
    }

    [Fact]
    public void Another_failure_is_retried_immediately_as_often_as_configured_and_only_alone()
    {
        Assert.Equal([0, 25, 50, null, null], Pauses(s_bug, alone: true, 5));
        Assert.Equal([null], Pauses(s_bug, alone: false, 1));
    }

    [Fact]
    public void Each_kind_of_failure_is_counted_apart()
    {
        var failures = new Failures();
        foreach (var failure in (Exception[])[s_away, s_conflict, s_bug, s_away, s_conflict, s_conflict])
        {
            _policy.ImmediateRetryDelay(failure, failures, alone: true);
        }

        Assert.Equal((2, 3, 1), (failures.Outages, failures.Conflicts, failures.Others));
    }

    public static TheoryData<string, Exception, bool> Failed => new()
    {
        { "a bug", s_bug, true },
        { "a conflict", s_conflict, true },
        { "a rule that conflicts with the present state", new DomainException("no", "no", conflict: true), true },
        { "a constraint", Postgres("23505"), true },
        { "a broken rule", new DomainException("no", "no"), false },
        { "a malformed message", new MalformedMessageException("no"), false },
        { "data that the database rejects", Postgres("22P02"), false },
        { "the same as an inner exception", new InvalidOperationException("x", new DbUpdateException("x", Postgres("22001"))), false },
    };

    [Theory]
    [MemberData(nameof(Failed))]
    public void A_permanent_failure_is_dead_lettered_immediately(string what, Exception failure, bool retried)
    {
        Assert.Equal(retried, _policy.ImmediateRetryDelay(failure, new Failures(), alone: true) is not null);
        Assert.True(retried == _policy.Decide(Queue, Delivered(), failure, null).Retry > 0, what);
    }

    [Theory]
    [InlineData(null, "ordering.retry-1", "1500", 1)]
    [InlineData(0, "ordering.retry-1", "1500", 1)]
    [InlineData(1, "ordering.retry-2", "120000", 2)]
    [InlineData(-1, "ordering.retry-1", "1500", 1)]
    [InlineData("junk", "ordering.retry-1", "1500", 1)]
    public void A_retry_waits_in_the_broker_and_is_redelivered_to_its_queue(object? before, string exchange, string expiration, int retry)
    {
        var failed = _policy.Decide(Queue, Delivered(("shop-retries", before), ("mine", "kept")), s_bug, "AnyConsumer");

        Assert.Equal((exchange, Queue, retry), (failed.Exchange, failed.RoutingKey, failed.Retry));
        Assert.Equal(expiration, failed.Properties.Expiration);
        Assert.Equal(["mine", "shop-retries"], failed.Properties.Headers!.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(retry, failed.Properties.Headers["shop-retries"]);
    }

    [Fact]
    public void After_the_last_retry_it_is_dead_lettered_with_the_reason()
    {
        var failure = Thrown(new InvalidOperationException("outer", new ArgumentException("inner\u001b\nwhy")));

        var failed = _policy.Decide(Queue, Delivered(("shop-retries", 2)), failure, "Any\u001bConsumer");

        Assert.Equal(("ordering.any.dead", "", 0), (failed.Exchange, failed.RoutingKey, failed.Retry));
        Assert.False(failed.Properties.IsExpirationPresent());
        var headers = failed.Properties.Headers!;
        Assert.Equal("fault", headers["MT-Reason"]);
        Assert.Equal("System.ArgumentException", headers["MT-Fault-ExceptionType"]);
        Assert.Equal("inner\\u001b\nwhy", headers["MT-Fault-Message"]);
        Assert.Contains(nameof(Thrown), (string)headers["MT-Fault-StackTrace"]!, StringComparison.Ordinal);
        Assert.Equal("Any\\u001bConsumer", headers["MT-Fault-ConsumerType"]);
        Assert.Equal("2026-11-28T10:00:00.0000000+00:00", headers["MT-Fault-Timestamp"]);
        Assert.Equal(2, headers["shop-retries"]);
    }

    [Fact]
    public void Fault_headers_keep_line_breaks_and_are_truncated()
    {
        var failed = _policy.Decide(Queue, Delivered(), new LongFailure(new string('m', 5_000), "at a\nat b" + new string('s', 9_000)), new string('c', 600));

        var headers = failed.Properties.Headers!;
        Assert.Equal(new string('m', 4_000) + "... (5000 characters)", headers["MT-Fault-Message"]);
        Assert.StartsWith("at a\nat b", (string)headers["MT-Fault-StackTrace"]!, StringComparison.Ordinal);
        Assert.EndsWith("s... (9009 characters)", (string)headers["MT-Fault-StackTrace"]!, StringComparison.Ordinal);
        Assert.Equal(8_000 + "... (9009 characters)".Length, ((string)headers["MT-Fault-StackTrace"]!).Length);
        Assert.Equal(new string('c', 500) + "... (600 characters)", headers["MT-Fault-ConsumerType"]);
        Assert.Equal("", _policy.Decide(Queue, Delivered(), new MalformedMessageException("no"), null).Properties.Headers!["MT-Fault-ConsumerType"]);
    }

    [Fact]
    public void The_reason_of_a_malformed_message_is_its_own_and_not_the_inner_one()
    {
        var failed = _policy.Decide(Queue, Delivered(), new InvalidOperationException("outer", new MalformedMessageException("malformed", new ArgumentException("deep"))), null);

        Assert.Equal("malformed", failed.Properties.Headers!["MT-Fault-Message"]);
    }

    [Fact]
    public void The_copy_has_no_harmful_header_and_fits_into_a_frame()
    {
        var failed = _policy.Decide(Queue, Delivered(("CC", "x"), ("large", new byte[100_000])), s_bug, null);

        Assert.Equal(["shop-headers-dropped", "shop-retries"], failed.Properties.Headers!.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(2, failed.Properties.Headers["shop-headers-dropped"]);
    }

    [Fact]
    public void A_retry_is_logged_counted_and_the_outcome_of_its_span()
    {
        using var counter = new Counter("shop.inbox.retried_later");
        using var span = new Activity("process");

        _policy.Report(Queue, Copy(retry: 2), new InvalidOperationException("outer", new ArgumentException("why\u001b")), span);

        Assert.Equal((LogLevel.Warning, "ordering.any failed to handle message m\\u001b; retry 2 of 2 in 00:02:00: why\\u001b"), Assert.Single(_logged));
        Assert.Equal((1, "ordering.any"), counter.Of("consumer", Queue));
        Assert.Equal(("retried later", "why\\u001b", 2), (span.GetTagItem("shop.outcome"), span.GetTagItem("shop.outcome.reason"), span.GetTagItem("shop.retry")));
    }

    [Fact]
    public void A_dead_letter_is_logged_as_an_error_and_not_counted_as_a_retry()
    {
        using var counter = new Counter("shop.inbox.retried_later");
        using var span = new Activity("process");

        _policy.Report("ordering.dead", Copy(retry: 0), s_bug, span);
        _policy.Report("ordering.dead", Copy(retry: 0), s_bug, null);

        Assert.Equal([(LogLevel.Error, "ordering.dead dead-lettered message m\\u001b: a bug"), (LogLevel.Error, "ordering.dead dead-lettered message m\\u001b: a bug")], _logged);
        Assert.Equal((0, null), counter.Of("consumer", "ordering.dead"));
        Assert.Equal(("dead-lettered", "a bug", null), (span.GetTagItem("shop.outcome"), span.GetTagItem("shop.outcome.reason"), span.GetTagItem("shop.retry")));
    }

    private static FailedMessage Copy(int retry) => new("exchange", Queue, new BasicProperties { MessageId = "m\u001b" }, retry);

    private IEnumerable<double?> Pauses(Exception failure, bool alone, int times)
    {
        var failures = new Failures();
        return [.. Enumerable.Range(0, times).Select(_ => _policy.ImmediateRetryDelay(failure, failures, alone)?.TotalMilliseconds)];
    }

    private static BasicProperties Delivered(params IEnumerable<(string Name, object? Value)> headers) =>
        new() { Headers = headers.Where(header => header.Value is not null).ToDictionary(header => header.Name, header => header.Value) };

    private static PostgresException Postgres(string state) => new("no", "ERROR", "ERROR", state);

    private static Exception Thrown(Exception failure)
    {
        try
        {
            throw failure;
        }
        catch (Exception e)
        {
            return e;
        }
    }

    private sealed class LongFailure(string message, string stack) : InvalidOperationException(message, new MalformedMessageException(message))
    {
        public override string? StackTrace => stack;
    }

    private sealed class Logger(List<(LogLevel, string)> logged) : ILogger<FailurePolicy>
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            logged.Add((logLevel, formatter(state, exception)));
    }

    /// <summary>What was added to a counter of messaging, by the value of one attribute.</summary>
    private sealed class Counter : IDisposable
    {
        private readonly List<(long Added, KeyValuePair<string, object?>[] Tags)> _added = [];
        private readonly MeterListener _listener = new();

        public Counter(string name)
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == MessagingTelemetry.Name && instrument.Name == name)
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _listener.SetMeasurementEventCallback<long>((_, added, tags, _) =>
            {
                lock (_added)
                {
                    _added.Add((added, tags.ToArray()));
                }
            });
            _listener.Start();
        }

        public (long Sum, object? Value) Of(string tag, string value)
        {
            lock (_added)
            {
                var mine = _added.Where(added => added.Tags.Contains(KeyValuePair.Create<string, object?>(tag, value))).ToList();
                return (mine.Sum(added => added.Added), mine.Count > 0 ? value : null);
            }
        }

        public void Dispose() => _listener.Dispose();
    }
}
