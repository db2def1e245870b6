using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Shop.Messaging.Wire;

namespace Shop.Messaging.RabbitMq;

/// <summary>
/// Reads stored headers into one dictionary that is used again for each message: the client writes it to the wire before the
/// next message comes. Values stay UTF-8, which the client sends as AMQP strings.
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

    // What is the same for all messages, or all of a type, is made once.
    private readonly byte[] _source = Encoding.UTF8.GetBytes(source);
    private readonly Dictionary<string, (byte[] Type, byte[]? DataSchema)> _types = new(StringComparer.Ordinal);
    private readonly Dictionary<string, object?> _values = new(StringComparer.Ordinal);
    private byte[] _utf8 = new byte[1024];

    public IDictionary<string, object?> Values => _values;

    /// <summary>Forgets the last message's headers and reads these; false where they are no JSON object of strings.</summary>
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

    /// <summary>Adds what CloudEvents calls the event. To be called before <see cref="Trace"/>.</summary>
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

    /// <summary>Who caused the event, where its headers say so.</summary>
    public ActivityContext Parent()
    {
        ActivityContext.TryParse(Text(MessageHeaderNames.TraceParent), Text(MessageHeaderNames.TraceState), isRemote: true, out var parent);
        return parent;
    }

    /// <summary>Since when the event has waited, where its headers say so; from now on they do not.</summary>
    public DateTimeOffset? TakeAppendedAt() =>
        Text(MessageHeaderNames.AppendedAt) is { } text && _values.Remove(MessageHeaderNames.AppendedAt)
        && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, out var since) ? since : null;

    public string? CorrelationId => Text(MessageHeaderNames.CorrelationId);

    /// <summary>Hands the trace on: to whoever reads W3C headers or CloudEvents, and to MassTransit.</summary>
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
