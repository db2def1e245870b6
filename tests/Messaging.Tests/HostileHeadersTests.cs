using Microsoft.Extensions.DependencyInjection;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;
using Shop.Messaging.Operations;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>M6a: neither untrusted headers and properties nor a consumer's failure stops a queue or loses a message.</summary>
public sealed class HostileHeadersTests : HostileTest
{
    private const string Poison = "poison";

    /// <summary>As text, as a number, as a table, and as unexpected types.</summary>
    private static readonly object?[] s_values =
    [
        "one", "", "\0\u001b[2J", -1, 0, long.MaxValue, 1L << 40, int.MinValue, true, 1.5, 2.5f, null, new byte[] { 0xff, 0xfe },
        new AmqpTimestamp(long.MaxValue), new List<object?> { 1, null, "x" }, 12.5m, (short)7, new string('x', 20_000),
        new Dictionary<string, object?> { ["inner"] = new Dictionary<string, object?> { ["x"] = new List<object?> { 1, "two" } } },
    ];

    /// <summary>Whatever any code reads, or hands to who does.</summary>
    private static readonly string[] s_names =
    [
        "shop-retries", "shop-deaths", "shop-first-death", "shop-discarded-from", "shop-discarded-because", "shop-discarded-at", "shop-dead-because",
        "x-death", "x-first-death-reason", "x-first-death-queue", "x-delivery-count", "x-last-death-reason", "x-dotnet-pub-seq-no",
        "MT-Activity-Id", "MT-Fault-Message", "MT-Fault-Timestamp", "MT-Redelivery-Count", "traceparent", "tracestate", "baggage",
        "aggregate-id", "correlation-id", "Content-Type", "MessageId", "ConversationId", "publishId",
    ];

    /// <summary>As many messages as there are values: each has all the headers, and over all of them each header has had each value.</summary>
    private static readonly List<Dictionary<string, object?>> s_headers =
    [
        .. s_values.Select((_, shift) => s_names.Select((name, n) => (name, value: s_values[(n + shift) % s_values.Length]))
            .ToDictionary(header => header.name, header => header.value)),
    ];

    public static TheoryData<ConsumerKind> Kinds => [ConsumerKind.OneByOne, ConsumerKind.Batch];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_header_of_an_unexpected_type_is_treated_as_absent(ConsumerKind kind)
    {
        // Every header is sent with a message that is handled and with one that fails: retries and dead letters have it too.
        var service = await FailingAsync();
        var sent = 0;
        foreach (var headers in s_headers)
        {
            await SendAsync(kind, Bytes(Envelope("innocent")), new() { Headers = headers });
            await SendAsync(kind, Bytes(Envelope(Poison)), new() { Headers = headers });
            sent++;
        }

        await HandledAsync(service, "innocent", sent);
        await DeadAsync(kind, sent);
        var letters = await ListAsync(service, kind, sent);
        Assert.Equal(sent, letters.Count);
        Assert.All(letters, letter => Assert.Contains("this one is poison", letter.Why, StringComparison.Ordinal));

        foreach (var letter in letters)
        {
            Assert.NotNull(await FindAsync(service, kind, letter.Id)); // each can be looked at
        }

        // And back: one that cannot be moved would hold up the others.
        Assert.Equal(new Moved(sent, 0), await RetryAllAsync(service, kind));
        await DeadAsync(kind, sent);
        await EmptyAsync(kind);
    }

    /// <summary>RabbitMQ 3 counts in a message's record of deaths whatever is in it: in a retry queue, text ended the dead-lettering of the whole node.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_forged_death_record_stops_no_retry_and_no_queue(ConsumerKind kind)
    {
        var service = await FailingAsync();
        object?[] counts = [2.5, "many", true, long.MaxValue, null, new List<object?> { 1 }, new Dictionary<string, object?>()];
        foreach (var count in counts)
        {
            var deaths = Enumerable.Range(1, 2).Select(retry => (object?)new Dictionary<string, object?>
            {
                ["count"] = count,
                ["reason"] = "expired",
                ["queue"] = $"ordering.retry-{retry}",
                ["exchange"] = $"ordering.retry-{retry}",
                ["routing-keys"] = new List<object?> { QueueOf(kind) },
                ["time"] = new AmqpTimestamp(1_764_000_000),
            }).ToList();
            await SendAsync(kind, Bytes(Envelope(Poison)), new() { Headers = new Dictionary<string, object?> { ["x-death"] = deaths } });
        }

        await SendAsync(kind, Bytes(Envelope(Poison))); // behind them

        await DeadAsync(kind, counts.Length + 1);
        Assert.Equal(new Moved(counts.Length + 1, 0), await RetryAllAsync(service, kind));
        await DeadAsync(kind, counts.Length + 1);
        await EmptyAsync(kind);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_dead_letter_of_any_kind_is_listed_and_does_not_hide_the_others(ConsumerKind kind)
    {
        var service = await FailingAsync(start: false);
        var sent = 0;
        foreach (var headers in s_headers)
        {
            await SendToAsync(DeadOf(kind), "no JSON"u8.ToArray(), new() { Headers = headers });
            sent++;
        }

        var letters = await ListAsync(service, kind, 1_000);

        Assert.Equal(sent, letters.Count);
        Assert.All(letters, letter => Assert.DoesNotContain(letter.Why + letter.EventType + letter.AggregateId + letter.Discarded?.Reason,
            character => char.IsControl(character) && character != '\n'));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_failure_and_headers_of_any_size_fit_into_a_frame(ConsumerKind kind)
    {
        var attempts = 0;
        var service = await BothAsync(sku =>
        {
            if (sku != Poison)
            {
                return null;
            }

            Interlocked.Increment(ref attempts);
            return new InvalidOperationException("this one is poison " + new string('é', 140_000));
        });
        var large = new Dictionary<string, object?> { ["mine"] = new string('x', 120_000), ["aggregate-id"] = "kept" };

        await SendAsync(kind, Bytes(Envelope("innocent")), new() { Headers = large });
        await HandledAsync(service, "innocent");
        await SendAsync(kind, Bytes(Envelope(Poison)), new() { Headers = large });

        var dead = await DeadLetterAsync(kind);
        Assert.StartsWith("this one is poison é", dead.Header("MT-Fault-Message"), StringComparison.Ordinal);
        Assert.EndsWith("(140019 characters)", dead.Header("MT-Fault-Message"), StringComparison.Ordinal);
        Assert.Equal(("1", "kept", null), (dead.Header("shop-headers-dropped"), dead.Header("aggregate-id"), dead.Header("mine")));

        // Two immediate attempts, and the same after each of two retries: a broken connection would redeliver it more often.
        Assert.Equal(6, attempts);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_dead_letter_neither_expires_nor_is_rejected_for_its_user_id(ConsumerKind kind)
    {
        var service = await FailingAsync();
        var properties = new BasicProperties
        {
            Expiration = "600000", // long enough to be handled before it
            UserId = Uri.UnescapeDataString(Broker.AmqpUri.UserInfo.Split(':')[0]), // the service may not send as this one
            MessageId = new string('m', 255),
            ReplyTo = "ordering.effect.dead",
            ContentType = "junk; = / ;;",
            ContentEncoding = "klingon",
            Priority = 255,
            Type = "\u001b[2J",
        };

        await SendAsync(kind, Bytes(Envelope(Poison)), properties);
        await SendAsync(kind, Bytes(Envelope("innocent")), properties);

        await HandledAsync(service, "innocent");
        var dead = await DeadLetterAsync(kind);
        Assert.Contains("this one is poison", dead.Header("MT-Fault-Message"), StringComparison.Ordinal);
        Assert.False(dead.Properties.TryGetProperty("expiration", out _) || dead.Properties.TryGetProperty("user_id", out _));
        Assert.Equal(new Moved(1, 0), await RetryAllAsync(service, kind));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Addresses_in_an_envelope_are_ignored(ConsumerKind kind)
    {
        var service = await FailingAsync();
        await Broker.DeclareQueueAsync("victim");
        var envelope = Envelope(Poison);
        foreach (var name in (string[])["responseAddress", "faultAddress", "sourceAddress", "destinationAddress"])
        {
            envelope[name] = "rabbitmq://localhost/ordering.discarded?bind=true&queue=victim";
        }

        await SendAsync(kind, Bytes(envelope));
        await DeadLetterAsync(kind);

        Assert.Equal(0, await Broker.CountReadyAsync("victim"));
        Assert.Equal(0, await Broker.CountReadyAsync("ordering.discarded"));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Where_the_dead_letter_queue_is_missing_the_message_stays_and_the_others_are_processed(ConsumerKind kind)
    {
        var service = await FailingAsync();
        await Broker.UnbindAsync(DeadOf(kind), DeadOf(kind));

        await SendAsync(kind, "no JSON"u8.ToArray());
        await SendAsync(kind, Bytes(Envelope("innocent")));

        await HandledAsync(service, "innocent");
        Assert.Equal(0, await Broker.CountReadyAsync(DeadOf(kind)));
        await Broker.BindAsync(DeadOf(kind), DeadOf(kind));
        Assert.Equal("no JSON", (await DeadLetterAsync(kind)).Text);
        await EmptyAsync(kind);
    }

    [Fact]
    public async Task A_blocked_broker_times_out_and_does_not_block_the_next_request()
    {
        await using var wire = FaultyWire.ToBroker(Broker.AmqpUri);
        var service = await FailingAsync(start: false, settings: new()
        {
            ["ConnectionStrings:rabbitmq"] = wire.Over(Broker.UriOf("ordering")).AbsoluteUri,
            ["Messaging:ConfirmTimeout"] = "00:00:03",
        });
        await SendToAsync(DeadOf(ConsumerKind.OneByOne), "no JSON"u8.ToArray());

        wire.HoldFromPublish();
        await Assert.ThrowsAsync<BrokerUnreachableException>(() => RetryAllAsync(service, ConsumerKind.OneByOne));
        Assert.True(wire.HeldPublishes > 0, "nothing was published, so nothing was tested");
        wire.Restore(); // what was held arrives: the letter is duplicated for a moment, and processed once

        // Three seconds may be too few on a slow machine; a later request succeeds.
        Assert.Equal(new Moved(1, 0), await Eventually.IsAsync("it is sent again", () => RetryAllAsync(service, ConsumerKind.OneByOne), _ => true));
    }

    private Task<TestService> FailingAsync(bool start = true, Dictionary<string, string?>? settings = null) =>
        BothAsync(sku => sku == Poison ? new InvalidOperationException("this one is poison") : null, start, settings);

    private Task DeadAsync(ConsumerKind kind, int count) => Eventually.HoldsAsync($"{count} are dead letters",
        async () => await Broker.CountReadyAsync(DeadOf(kind)) == count);

    private static async Task<List<DeadLetter>> ListAsync(TestService service, ConsumerKind kind, int limit)
    {
        await using var scope = service.Services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<IDeadLetterQueues>().ListAsync(QueueOf(kind), limit, CancellationToken.None);
    }

    private static async Task<DeadLetterContent?> FindAsync(TestService service, ConsumerKind kind, string id)
    {
        await using var scope = service.Services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<IDeadLetterQueues>().FindAsync(QueueOf(kind), id, CancellationToken.None);
    }

    private static async Task<Moved> RetryAllAsync(TestService service, ConsumerKind kind)
    {
        await using var scope = service.Services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<IDeadLetterQueues>().RetryAsync(QueueOf(kind), id: null, CancellationToken.None);
    }
}
