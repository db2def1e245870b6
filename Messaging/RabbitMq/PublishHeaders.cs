using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Shop.Messaging.Wire;

namespace Shop.Messaging.RabbitMq;

/// <summary>
/// Reads stored headers into one dictionary that is reused for each message: the client serializes it before the
/// next publish. Values stay UTF-8, which the client sends as AMQP strings.
/// </summary>
internal sealed class PublishHeaders(string source, EventCatalog events)
{
    private static readonly (string Name, byte[] Utf8)[] s_known = [.. new[]
    {
        MessageHeaderNames.AggregateId, MessageHeaderNames.AggregateVersion, MessageHeaderNames.CorrelationId,
        MessageHeaderNames.TraceParent, MessageHeaderNames.CausationId, MessageHeaderNames.TraceState, MessageHeaderNames.Baggage,
        MessageHeaderNames.CloudEventTime, MessageHeaderNames.AppendedAt,
    }.Select(name => (name, Encoding.UTF8.GetBytes(name)))];

    private static readonly byte[] s_specVersion = "1.0"u8.ToArray();

    // Cached: the same for all messages, or for all of a type.
    private readonly byte[] _source = Encoding.UTF8.GetBytes(source);
    private readonly Dictionary<string, (byte[] Type, byte[]? DataSchema)> _types = new(StringComparer.Ordinal);
    private readonly Dictionary<string, object?> _values = new(StringComparer.Ordinal);
    private byte[] _utf8 = new byte[1024];
    private (long Milliseconds, byte[] Utf8) _now = (0, []);

    public IDictionary<string, object?> Values => _values;

    /// <summary>Replaces the previous message's headers with these; false where they are not a JSON object of strings.</summary>
    public bool TryRead(string json)
    {
        _values.Clear();
        if (_utf8.Length < Encoding.UTF8.GetMaxByteCount(json.Length))
        {
            _utf8 = new byte[Encoding.UTF8.GetMaxByteCount(json.Length)];
        }

        var reader = new Utf8JsonReader(_utf8.AsSpan(0, Encoding.UTF8.GetBytes(json, _utf8)));
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return false;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var name = NameOf(ref reader);
                if (!reader.Read() || reader.TokenType != JsonTokenType.String)
                {
                    return false;
                }

                _values[name] = reader.ValueIsEscaped ? Encoding.UTF8.GetBytes(reader.GetString()!) : reader.ValueSpan.ToArray();
            }

            return !reader.Read();
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>Adds the CloudEvents attributes. Call it before <see cref="Trace"/>.</summary>
    public void CloudEvent(string type, string eventId)
    {
        if (!_types.TryGetValue(type, out var constant))
        {
            _types[type] = constant = (Encoding.UTF8.GetBytes(type), events.SchemaIdOf(type) is { } id ? Encoding.UTF8.GetBytes(id) : null);
        }

        _values[MessageHeaderNames.CloudEventSpecVersion] = s_specVersion;
        _values[MessageHeaderNames.CloudEventId] = eventId;
        _values[MessageHeaderNames.CloudEventSource] = _source;
        _values[MessageHeaderNames.CloudEventType] = constant.Type;
        if (constant.DataSchema is { } schema)
        {
            _values[MessageHeaderNames.CloudEventDataSchema] = schema;
        }

        if (_values.TryGetValue(MessageHeaderNames.AggregateId, out var aggregate))
        {
            _values[MessageHeaderNames.CloudEventSubject] = aggregate;
        }
    }

    /// <summary>Adds when it is published.</summary>
    public void PublishedAt(DateTimeOffset now)
    {
        var milliseconds = now.ToUnixTimeMilliseconds();
        if (milliseconds != _now.Milliseconds)
        {
            _now = (milliseconds, Encoding.UTF8.GetBytes(milliseconds.ToString(CultureInfo.InvariantCulture)));
        }

        _values[MessageHeaderNames.PublishedAt] = _now.Utf8;
    }

    /// <summary>The trace context stored with the event, if any.</summary>
    public ActivityContext Parent()
    {
        ActivityContext.TryParse(Text(MessageHeaderNames.TraceParent), Text(MessageHeaderNames.TraceState), isRemote: true, out var parent);
        return parent;
    }

    /// <summary>Removes and returns the time at which the event was appended, if it was stored.</summary>
    public DateTimeOffset? TakeAppendedAt() =>
        Text(MessageHeaderNames.AppendedAt) is { } text && _values.Remove(MessageHeaderNames.AppendedAt)
        && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, out var since) ? since : null;

    public string? CorrelationId => Text(MessageHeaderNames.CorrelationId);

    /// <summary>Adds the trace context in the headers of W3C, CloudEvents and MassTransit.</summary>
    public void Trace(Activity? activity)
    {
        if (activity?.Id is { } id)
        {
            _values[MessageHeaderNames.TraceParent] = id;
        }

        if (_values.TryGetValue(MessageHeaderNames.TraceParent, out var traceParent))
        {
            _values[MessageHeaderNames.MassTransitActivityId] = traceParent;
            _values[MessageHeaderNames.CloudEventTraceParent] = traceParent;
        }
    }

    private static string NameOf(ref Utf8JsonReader reader)
    {
        foreach (var (name, utf8) in s_known)
        {
            if (reader.ValueTextEquals(utf8))
            {
                return name;
            }
        }

        return reader.GetString()!;
    }

    private string? Text(string name) => _values.TryGetValue(name, out var value) ? Encoding.UTF8.GetString((byte[])value!) : null;
}
