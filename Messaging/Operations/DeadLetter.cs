using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using RabbitMQ.Client;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Operations;

/// <summary>A message that a consumer could not handle, or one that a person discarded.</summary>
/// <param name="Queue">The queue whose consumer it was for.</param>
/// <param name="Id">The message's id, which is the event's; a hash of its content where the sender set none that is valid.</param>
/// <param name="EventType">The event's wire name, where it is known.</param>
/// <param name="AggregateId">The event's aggregate, where the message has the header.</param>
/// <param name="Why">The error of the last attempt, or why else it was dead-lettered.</param>
/// <param name="FirstDeath">When it was first dead-lettered, UTC.</param>
/// <param name="Deaths">How often it was dead-lettered: 1 unless it was retried.</param>
/// <param name="Discarded">Set where it was discarded.</param>
/// <param name="Exception">The type of the last attempt's exception; null where no consumer failed.</param>
/// <param name="Frame">The first frame of its stack outside of the framework; null where there is none.</param>
public sealed record DeadLetter(
    string Queue, string Id, string? EventType, string? AggregateId, string Why, DateTimeOffset? FirstDeath, int Deaths, Discard? Discarded,
    string? Exception, string? Frame)
{
    private const int MaxTextLength = 4_100;
    internal const long LastSecond = 253_402_300_799; // of the year 9999

    private static readonly string[] s_framework = ["System.", "Microsoft.", "Npgsql.", "MassTransit.", "Shop.Messaging."];

    private const string FirstDeathHeader = "shop-first-death";
    private const string DeathsHeader = "shop-deaths";
    private const string QueueHeader = "shop-discarded-from";
    private const string ReasonHeader = "shop-discarded-because";
    private const string ByHeader = "shop-discarded-by";
    private const string AtHeader = "shop-discarded-at";
    private const string WhyHeader = "shop-dead-because";

    /// <summary>Reads a dead-lettered or discarded message. Never throws: the content is untrusted.</summary>
    internal static DeadLetter Of(string queue, BasicGetResult message)
    {
        var headers = message.BasicProperties.Headers;
        return new DeadLetter(
            Text(headers, QueueHeader) ?? queue,
            IdOf(message),
            TypeOf(message),
            Text(headers, MessageHeaderNames.AggregateId),
            WhyOf(message, headers),
            FirstDeathOf(headers),
            DeathsOf(headers),
            Text(headers, ReasonHeader) is { } reason
                ? new Discard(reason, Text(headers, ByHeader) ?? "", TimeOf(Untrusted.Text(headers, AtHeader)) ?? DateTimeOffset.UnixEpoch)
                : null,
            Text(headers, MessageHeaderNames.FaultExceptionType) is { Length: > 0 } exception ? exception : null,
            FrameOf(Untrusted.Text(headers, MessageHeaderNames.FaultStackTrace)));
    }

    /// <summary>Messages with the same consumer, event, exception and frame are one group: probably one cause.</summary>
    public string Group => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
        string.Join('\n', Queue, EventType, Exception ?? Why, Frame))))[..16];

    /// <summary>As the audit trail names it: queue, id, event type and aggregate, separated by spaces, as far as they are known.</summary>
    internal string Target => (EventType, AggregateId) switch
    {
        (null, null) => $"{Queue} {Id}",
        ({ } type, null) => $"{Queue} {Id} {Word(type)}",
        var (type, about) => $"{Queue} {Id} {Word(type ?? "")} {Word(about)}",
    };

    /// <summary>One word: what a sender wrote may have any.</summary>
    private static string Word(string text) => text.Length == 0 ? "-" : Regex.Replace(text, @"\s", "_");

    private static string? FrameOf(string? stack)
    {
        // A long stack is cut where it is too long, also in the middle of a name: half a name is no frame.
        var frames = (stack ?? "").Split('\n').Select(line => line.Trim())
            .Where(line => line.StartsWith("at ", StringComparison.Ordinal) && !line.Contains(Untrusted.Cut, StringComparison.Ordinal))
            .Select(line => line[3..].Split('(')[0]).ToList();
        return (frames.Find(frame => !s_framework.Any(name => frame.StartsWith(name, StringComparison.Ordinal))) ?? frames.FirstOrDefault()) is { } frame
            ? Untrusted.Sanitize(frame)
            : null;
    }

    internal static string IdOf(BasicGetResult message) =>
        message.BasicProperties.MessageId is { } id && Regex.IsMatch(id, "^[A-Za-z0-9_-]{1,64}$")
            ? id
            : "sha256-" + Convert.ToHexStringLower(SHA256.HashData(message.Body.Span))[..16];

    /// <summary>
    /// The properties for a retry, as the sender set them. The broker's x-death headers are removed: RabbitMQ drops a message that passes
    /// a queue twice without a rejection as a dead-letter cycle.
    /// </summary>
    internal static BasicProperties ToRetry(BasicGetResult message)
    {
        var original = message.BasicProperties.Headers;
        var properties = MessageCopy.Of(message.BasicProperties);
        var headers = properties.Headers!;
        foreach (var name in headers.Keys.Where(name => name != MessageHeaderNames.MassTransitActivityId
            && (name.StartsWith("x-", StringComparison.Ordinal) || name.StartsWith("MT-", StringComparison.Ordinal))).ToList())
        {
            headers.Remove(name);
        }

        headers.Remove(MessageHeaderNames.Retries);
        headers[DeathsHeader] = DeathsOf(original);
        if (FirstDeathOf(original) is { } first)
        {
            headers[FirstDeathHeader] = first.ToString("O", CultureInfo.InvariantCulture);
        }

        MessageCopy.Fit(properties, message.BasicProperties);
        return properties;
    }

    /// <summary>The properties of a discarded message: unchanged, with who discarded it and why.</summary>
    internal static BasicProperties ToDiscard(string queue, BasicGetResult message, Discard discard)
    {
        var properties = MessageCopy.Of(message.BasicProperties);
        var headers = properties.Headers!;
        headers[QueueHeader] = queue;
        headers[WhyHeader] = WhyOf(message, message.BasicProperties.Headers);
        if (FirstDeathOf(message.BasicProperties.Headers) is { } first)
        {
            headers[FirstDeathHeader] = first.ToString("O", CultureInfo.InvariantCulture);
        }

        headers[ReasonHeader] = discard.Reason;
        headers[ByHeader] = discard.By;
        headers[AtHeader] = discard.At.ToString("O", CultureInfo.InvariantCulture);
        MessageCopy.Fit(properties, message.BasicProperties);
        return properties;
    }

    private static string? TypeOf(BasicGetResult message)
    {
        if (message.BasicProperties.Type is { Length: > 0 } type)
        {
            return Untrusted.Sanitize(type);
        }

        try
        {
            var envelope = JsonSerializer.Deserialize<JsonElement>(message.Body.Span);
            var urn = envelope.GetProperty("messageType").EnumerateArray().First(name => name.ValueKind == JsonValueKind.String).GetString();
            return Untrusted.Sanitize(urn!.Replace(Envelope.UrnPrefix, "", StringComparison.Ordinal));
        }
        catch (Exception)
        {
            return null; // not an envelope, which is why it was dead-lettered
        }
    }

    private static string WhyOf(BasicGetResult message, IDictionary<string, object?>? headers) => Text(headers, WhyHeader) ?? (
        Text(headers, MessageHeaderNames.FaultMessage) is { Length: > 0 } fault ? fault // the exception's type is a header of its own
        : BrokerDeaths(headers).Any(death => Untrusted.Text(death, "reason") == "delivery_limit")
            ? $"delivered more than {BrokerTopology.DeliveryLimit} times without being settled: it may crash the consumer's process"
        : TypeOf(message) is { } type ? $"the queue has no consumer of {type}: check the version and the queue's bindings"
        : $"not an event: the body ({message.Body.Length} bytes) has no message type, and the sender set none");

    private static int DeathsOf(IDictionary<string, object?>? headers) =>
        Untrusted.Count(headers, DeathsHeader) is { } before and < int.MaxValue ? before + 1 : 1;

    private static DateTimeOffset? FirstDeathOf(IDictionary<string, object?>? headers) =>
        TimeOf(Untrusted.Text(headers, FirstDeathHeader)) ?? TimeOf(Untrusted.Text(headers, MessageHeaderNames.FaultTimestamp))
        ?? BrokerDeaths(headers).Select(death => death.TryGetValue("time", out var time) ? time : null).OfType<AmqpTimestamp>()
            .Where(time => time.UnixTime is >= 0 and <= LastSecond)
            .Select(time => (DateTimeOffset?)DateTimeOffset.FromUnixTimeSeconds(time.UnixTime)).Min();

    private static DateTimeOffset? TimeOf(string? text) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time.ToUniversalTime() : null;

    private static IEnumerable<IDictionary<string, object?>> BrokerDeaths(IDictionary<string, object?>? headers) =>
        headers?.TryGetValue("x-death", out var deaths) == true && deaths is IEnumerable<object?> list ? list.OfType<IDictionary<string, object?>>() : [];

    private static string? Text(IDictionary<string, object?>? headers, string name) =>
        Untrusted.Text(headers, name) is { } text ? Untrusted.Sanitize(text, MaxTextLength, keepLines: true) : null;
}

/// <summary>An operator's decision that a message will not be handled.</summary>
/// <param name="Reason">Why.</param>
/// <param name="By">Who decided: the token's subject.</param>
/// <param name="At">When, UTC.</param>
public sealed record Discard(string Reason, string By, DateTimeOffset At);
