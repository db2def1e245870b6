using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using RabbitMQ.Client;

namespace Shop.Messaging.Tests.Harness;

/// <summary>Spoils messages at random, the same ones for the same seed: their bytes, their JSON, their headers, their properties.</summary>
internal sealed class Mutator(int seed)
{
    private static readonly Func<Random, JsonNode?>[] s_values =
    [
        _ => null, _ => "", random => Text(random, 12), random => Text(random, 3_000), random => random.NextInt64(), _ => -1, _ => 0, _ => 1e308, _ => true,
        _ => new JsonArray((JsonNode?)null), _ => new JsonArray(), _ => new JsonObject(), _ => "\0", _ => Guid.Empty.ToString(), _ => "6f9619ff-8b86-4011-b42d-00c04fc964ff",
        _ => "urn:message:inventory.stock-replenished.v1", _ => "urn:message:ordering.order-placed.v2", _ => "2026-13-45T99:99:99Z",
        _ => JsonNode.Parse(new string('[', 60) + new string(']', 60)),
    ];

    private static readonly string[] s_headers =
    [
        "shop-retries", "shop-deaths", "shop-first-death", "shop-headers-dropped", "x-death", "x-delivery-count", "x-first-death-reason",
        "MT-Activity-Id", "MT-Fault-Message", "MT-Reason", "traceparent", "tracestate", "baggage", "aggregate-id", "correlation-id", "Content-Type",
    ];

    private static readonly JsonSerializerOptions s_deep = new() { MaxDepth = 1_000 };

    private readonly Random _random = new(seed);

    /// <summary>A message that may be all right still.</summary>
    public (byte[] Body, BasicProperties Properties) Spoil(JsonObject envelope)
    {
        var properties = new BasicProperties { ContentType = "application/vnd.masstransit+json" };
        for (var n = _random.Next(3); n >= 0; n--)
        {
            switch (_random.Next(4))
            {
                case 0:
                    SpoilProperties(properties);
                    break;
                case 1:
                    var name = Pick(s_headers);
                    (properties.Headers ??= new Dictionary<string, object?>())[name] = name == "x-death" && _random.Next(2) == 0 ? Deaths() : Header(3);
                    break;
                default:
                    SpoilJson(envelope);
                    break;
            }
        }

        var body = JsonSerializer.SerializeToUtf8Bytes(envelope, s_deep);
        return (_random.Next(3) == 0 ? SpoilBytes(body) : body, properties);
    }

    private void SpoilJson(JsonObject envelope)
    {
        List<(JsonNode Parent, object Step)> places = [.. Places(envelope)];
        var (parent, step) = places[_random.Next(places.Count)];
        var value = Pick(s_values)(_random);
        switch (parent, step)
        {
            case (JsonObject members, string name) when _random.Next(4) == 0:
                members.Remove(name);
                break;
            case (JsonObject members, string name):
                members[_random.Next(8) == 0 ? name.ToUpperInvariant() : name] = value;
                break;
            case (JsonArray items, int index):
                items.Insert(index, value);
                break;
        }
    }

    private static IEnumerable<(JsonNode Parent, object Step)> Places(JsonNode? node) => node switch
    {
        JsonObject members => members.SelectMany(member => Places(member.Value).Prepend((members, member.Key))),
        JsonArray items => items.SelectMany((item, i) => Places(item).Prepend((items, i))),
        _ => [],
    };

    private byte[] SpoilBytes(byte[] body)
    {
        switch (_random.Next(5))
        {
            case 0:
                return body[.._random.Next(body.Length)];
            case 1:
                return [.. body, .. Bytes(_random.Next(20))];
            case 2:
                return Bytes(_random.Next(200));
            case 3:
                var at = _random.Next(body.Length);
                return [.. body[..at], .. Encoding.ASCII.GetBytes("\\ud800"), .. body[at..]];
            default:
                for (var n = _random.Next(1, 6); n > 0; n--)
                {
                    body[_random.Next(body.Length)] = (byte)_random.Next(256);
                }

                return body;
        }
    }

    private void SpoilProperties(BasicProperties properties)
    {
        switch (_random.Next(9))
        {
            case 0:
                properties.ContentType = Text(_random, 80);
                break;
            case 1:
                properties.MessageId = Text(_random, 80);
                break;
            case 2:
                properties.CorrelationId = Text(_random, 80);
                break;
            case 3:
                properties.Type = Text(_random, 80);
                break;
            case 4:
                properties.Priority = (byte)_random.Next(256);
                break;
            case 5:
                properties.Timestamp = new AmqpTimestamp(_random.NextInt64());
                break;
            case 6:
                properties.ReplyTo = "ordering.effect";
                break;
            case 7:
                properties.Expiration = "3600000";
                break;
            default:
                properties.ContentEncoding = Text(_random, 80);
                break;
        }
    }

    /// <summary>A record of deaths that is nearly the broker's own, of the queues that the message may come to.</summary>
    private List<object?> Deaths() => [.. Enumerable.Range(1, 2).Select(retry => (object?)new Dictionary<string, object?>
    {
        ["count"] = _random.Next(3) == 0 ? 1L : Header(1),
        ["reason"] = _random.Next(4) > 0 ? "expired" : Header(1),
        ["queue"] = _random.Next(4) > 0 ? $"ordering.retry-{retry}" : Header(1),
        ["exchange"] = _random.Next(4) > 0 ? $"ordering.retry-{retry}" : Header(1),
        ["routing-keys"] = _random.Next(4) > 0 ? new List<object?> { "ordering.effect" } : Header(1),
        ["time"] = _random.Next(4) > 0 ? new AmqpTimestamp(1_764_000_000) : Header(1),
    })];

    private object? Header(int depth) => _random.Next(depth > 0 ? 14 : 12) switch
    {
        0 => null,
        1 => _random.Next(2) == 0,
        2 => _random.Next(),
        3 => _random.NextInt64(long.MinValue, long.MaxValue),
        4 => (short)_random.Next(short.MinValue, short.MaxValue),
        5 => _random.NextDouble(),
        6 => new AmqpTimestamp(_random.NextInt64()),
        7 => Bytes(_random.Next(50)),
        8 => Text(_random, 20_000),
        9 => (sbyte)_random.Next(-128, 127),
        10 => (decimal)_random.Next(),
        11 => Text(_random, 20),
        12 => new List<object?> { Header(depth - 1), Header(depth - 1) },
        _ => new Dictionary<string, object?> { [Text(_random, 8)] = Header(depth - 1) },
    };

    private byte[] Bytes(int count)
    {
        var bytes = new byte[count];
        _random.NextBytes(bytes);
        return bytes;
    }

    private static string Text(Random random, int longest)
    {
        var text = new char[random.Next(longest)];
        for (var i = 0; i < text.Length; i++)
        {
            text[i] = random.Next(10) == 0 ? (char)random.Next(1, 0x2FF) : (char)random.Next(' ', '~');
        }

        return new string(text);
    }

    private T Pick<T>(T[] choices) => choices[_random.Next(choices.Length)];
}
