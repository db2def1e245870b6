using System.Text;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Shop.Messaging.Tests.Harness;

/// <summary>A received message.</summary>
internal sealed record Received(Guid MessageId, string Type, IReadOnlyDictionary<string, string> Headers, string Body)
{
    public string Stream => Headers["aggregate-id"];

    public int Version => int.Parse(Headers["aggregate-version"], System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>A consumer of another team: a queue of its own, read with a plain AMQP client, in the order of arrival.</summary>
internal sealed class Probe : IAsyncDisposable
{
    private readonly IConnection _connection;
    private readonly List<Received> _received = [];

    private Probe(IConnection connection) => _connection = connection;

    public IReadOnlyList<Received> Received
    {
        get
        {
            lock (_received)
            {
                return [.. _received];
            }
        }
    }

    public static async Task<Probe> BindAsync(TestVirtualHost host, params string[] exchanges)
    {
        var queue = $"probe-{Guid.CreateVersion7():N}";
        await host.DeclareQueueAsync(queue);
        foreach (var exchange in exchanges)
        {
            await host.BindAsync(exchange, queue);
        }

        var connection = await new ConnectionFactory { Uri = host.AmqpUri }.CreateConnectionAsync();
        var probe = new Probe(connection);
        var channel = await connection.CreateChannelAsync();
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, message) =>
        {
            probe.Add(message);
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync(queue, autoAck: true, consumer);
        return probe;
    }

    public Task CountIsAsync(int count) =>
        Eventually.IsAsync($"{count} messages arrive", () => Task.FromResult(Received.Count), n => n >= count);

    public async ValueTask DisposeAsync() => await _connection.DisposeAsync();

    private void Add(BasicDeliverEventArgs message)
    {
        var headers = (message.BasicProperties.Headers ?? new Dictionary<string, object?>())
            .Where(header => header.Value is byte[])
            .ToDictionary(header => header.Key, header => Encoding.UTF8.GetString((byte[])header.Value!));
        lock (_received)
        {
            _received.Add(new Received(Guid.Parse(message.BasicProperties.MessageId!), message.BasicProperties.Type!, headers,
                Encoding.UTF8.GetString(message.Body.Span)));
        }
    }
}
