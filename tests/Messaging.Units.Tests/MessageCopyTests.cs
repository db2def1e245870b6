using RabbitMQ.Client;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Units.Tests;

/// <summary>M6a: a copy keeps the properties of the message, except harmful ones, and fits into a frame.</summary>
public sealed class MessageCopyTests
{
    [Fact]
    public void A_copy_is_routed_only_to_its_destination()
    {
        var original = new BasicProperties
        {
            Headers = new Dictionary<string, object?> { ["CC"] = new List<object?> { "ordering.other" }, ["BCC"] = "x", ["kept"] = "y", [new string('é', 200)] = 1 },
        };

        var copy = MessageCopy.Of(original);
        MessageCopy.Fit(copy, original);

        Assert.Equal(["kept", "shop-headers-dropped"], copy.Headers!.Keys);
        Assert.Equal(3, copy.Headers["shop-headers-dropped"]);
    }

    [Fact]
    public void Descriptive_properties_are_kept_and_harmful_ones_are_not()
    {
        var copy = MessageCopy.Of(new BasicProperties
        {
            ContentType = "type/content",
            ContentEncoding = "encoding",
            CorrelationId = "correlation",
            MessageId = "message",
            Type = "type",
            AppId = "app",
            ReplyTo = "reply",
            Timestamp = new AmqpTimestamp(7),
            UserId = "user",
            ClusterId = "cluster",
            Expiration = "1",
            Priority = 9,
            DeliveryMode = DeliveryModes.Transient,
        });

        Assert.Equal(("type/content", "encoding", "correlation", "message"), (copy.ContentType, copy.ContentEncoding, copy.CorrelationId, copy.MessageId));
        Assert.Equal(("type", "app", "reply", 7), (copy.Type, copy.AppId, copy.ReplyTo, copy.Timestamp.UnixTime));
        Assert.Equal(DeliveryModes.Persistent, copy.DeliveryMode);
        Assert.Empty(copy.Headers!);
        Assert.False(copy.IsUserIdPresent() || copy.IsClusterIdPresent() || copy.IsExpirationPresent() || copy.IsPriorityPresent());
        Assert.False(MessageCopy.Of(new BasicProperties()).IsTimestampPresent());
    }

    [Theory]
    [InlineData(255, 'x', true)]
    [InlineData(256, 'x', false)]
    [InlineData(127, 'é', true)]
    [InlineData(128, 'é', false)]
    public void Text_of_more_than_255_bytes_is_dropped(int length, char letter, bool kept)
    {
        var text = new string(letter, length);
        var original = new BasicProperties { MessageId = text, Headers = new Dictionary<string, object?> { [text] = 1 } };

        var copy = MessageCopy.Of(original);

        Assert.Equal((kept ? text : null, kept ? 1 : 0), (copy.MessageId, copy.Headers!.Count));
    }

    public static TheoryData<string, object?, bool> Headers => new()
    {
        { "any", null, true },
        { "cc", "x", true },
        { "shop-retries", 1, true },
        { "MT-Reason", "x", true },
        { "shop-discarded-because", "x", false },
        { "shop-dead-because", "x", false },
        { "x-death", new List<object?>(), false },
        { "x-death", new List<object?> { new Dictionary<string, object?>() }, false },
        { "x-death", "x", false },
        { "x-first-death-queue", new byte[] { 1 }, false },
        { "x-last-death-queue", 1, false },
        { "x-delivery-count", 1, false },
        { "x-last", 1, true },
    };

    [Theory]
    [MemberData(nameof(Headers))]
    public void A_header_is_kept_unless_only_the_broker_or_an_operator_may_set_it(string name, object? value, bool kept)
    {
        var copy = MessageCopy.Of(new BasicProperties { Headers = new Dictionary<string, object?> { [name] = value } });

        Assert.Equal(kept ? [KeyValuePair.Create(name, value)] : [], copy.Headers!);
    }

    public static TheoryData<object?, int> Sizes => new()
    {
        { new byte[10], 15 },
        { "é", 7 },
        { new BinaryTableValue(new byte[3]), 8 },
        { new Dictionary<string, object?> { ["a"] = "b", ["cd"] = null }, 5 + 6 + 6 + 7 + 9 },
        { new List<object?> { 1, "b" }, 5 + 9 + 6 },
        { new List<object?>(), 5 },
        { 1, 9 },
        { null, 9 },
    };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Headers_are_measured_as_AMQP_writes_them_and_fit_to_the_byte(object? value, int size)
    {
        Assert.Equal(["a", "filler"], FitWithFiller(MessageCopy.MaxHeadersBytes));
        Assert.Equal(["a", "shop-headers-dropped"], FitWithFiller(MessageCopy.MaxHeadersBytes + 1));

        IEnumerable<string> FitWithFiller(int total)
        {
            var filler = new byte[total - 5 - "a".Length - size - 5 - "filler".Length - 5];
            var original = new BasicProperties { Headers = new Dictionary<string, object?> { ["a"] = value, ["filler"] = filler } };
            var copy = MessageCopy.Of(original);
            MessageCopy.Fit(copy, original);
            return copy.Headers!.Keys;
        }
    }

    [Fact]
    public void The_largest_headers_are_dropped_first_and_reserved_ones_are_kept()
    {
        const int Third = MessageCopy.MaxHeadersBytes / 3;
        var original = new BasicProperties
        {
            Headers = new Dictionary<string, object?>
            {
                ["small"] = "x",
                ["medium"] = new byte[Third],
                ["large"] = new byte[Third * 2],
                ["BCC"] = "x",
                ["medium-2"] = new byte[Third + 1],
            },
        };
        var copy = MessageCopy.Of(original);
        copy.Headers!["shop-any"] = new byte[Third + 1_000];
        copy.Headers!["MT-any"] = new byte[Third - 2_000];

        MessageCopy.Fit(copy, original);

        Assert.Equal(["MT-any", "medium", "shop-any", "shop-headers-dropped", "small"], copy.Headers!.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(3, copy.Headers["shop-headers-dropped"]);
    }

    [Fact]
    public void No_header_counts_dropped_headers_where_none_was_dropped()
    {
        var copy = MessageCopy.Of(new BasicProperties());
        copy.Headers!["shop-retries"] = 1;

        MessageCopy.Fit(copy, new BasicProperties());

        Assert.Equal(["shop-retries"], copy.Headers.Keys);
    }
}
