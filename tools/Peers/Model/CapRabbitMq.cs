using System.Collections.Concurrent;
using System.Text;
using DotNetCore.CAP;
using DotNetCore.CAP.Internal;
using DotNetCore.CAP.Messages;
using DotNetCore.CAP.Transport;
using Microsoft.Extensions.DependencyInjection;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using CapHeaders = DotNetCore.CAP.Messages.Headers;

namespace Shop.Peers.Model;

/// <summary>
/// A RabbitMQ transport for CAP, ours and not CAP's, whose own package the feed does not have. Like that one it has a topic exchange,
/// one connection, a pool of publishing channels, and a queue a group with a channel a consumer thread. Other than that one, it waits
/// for the confirm of each message before CAP marks it as sent, as all that are compared do.
/// </summary>
internal sealed class CapRabbitMq(Uri broker, ushort prefetch) : ICapOptionsExtension
{
    public const string Exchange = "cap.default.router";

    public void AddServices(IServiceCollection services)
    {
        services.AddSingleton(new CapMessageQueueMakerService("RabbitMQ (not CAP's)"));
        services.AddSingleton(_ => new CapConnection(broker));
        services.AddSingleton<ITransport, CapTransport>();
        services.AddSingleton<IConsumerClientFactory>(provider => new CapConsumers(provider.GetRequiredService<CapConnection>(), prefetch));
    }
}

internal sealed class CapConnection(Uri broker) : IAsyncDisposable
{
    private readonly ConcurrentQueue<IChannel> _channels = new();
    private readonly Lazy<Task<IConnection>> _connection = new(() => new ConnectionFactory { Uri = broker }.CreateConnectionAsync());

    public BrokerAddress Address => new("RabbitMQ", $"{broker.Host}:{broker.Port}");

    public async Task<IChannel> OpenAsync(CreateChannelOptions? options = null) => await (await _connection.Value).CreateChannelAsync(options);

    /// <summary>A channel of the pool. One that failed is not returned.</summary>
    public async Task<IChannel> RentAsync() => _channels.TryDequeue(out var channel)
        ? channel
        : await OpenAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));

    public void Return(IChannel channel) => _channels.Enqueue(channel);

    public async ValueTask DisposeAsync()
    {
        if (_connection.IsValueCreated)
        {
            await (await _connection.Value).DisposeAsync();
        }
    }
}

internal sealed class CapTransport(CapConnection connection) : ITransport
{
    public BrokerAddress BrokerAddress => connection.Address;

    public async Task<OperateResult> SendAsync(TransportMessage message)
    {
        try
        {
            var channel = await connection.RentAsync();
            var properties = new BasicProperties
            {
                MessageId = message.GetId(),
                DeliveryMode = DeliveryModes.Persistent,
                Headers = message.Headers.ToDictionary(header => header.Key, header => (object?)header.Value),
            };
            await channel.BasicPublishAsync(CapRabbitMq.Exchange, message.GetName(), mandatory: false, properties, message.Body);
            connection.Return(channel);
            return OperateResult.Success;
        }
        catch (Exception failure)
        {
            return OperateResult.Failed(new PublisherSentFailedException(failure.Message, failure)); // CAP retries
        }
    }
}

internal sealed class CapConsumers(CapConnection connection, ushort prefetch) : IConsumerClientFactory
{
    public Task<IConsumerClient> CreateAsync(string groupName, byte groupConcurrent) =>
        Task.FromResult<IConsumerClient>(new CapConsumer(connection, groupName, prefetch));
}

/// <summary>One consumer thread of CAP's: a channel that hands over one message at a time.</summary>
internal sealed class CapConsumer(CapConnection connection, string queue, ushort prefetch) : IConsumerClient
{
    private IChannel? _channel;

    public BrokerAddress BrokerAddress => connection.Address;

    public Func<TransportMessage, object?, Task>? OnMessageCallback { get; set; }

    public Action<LogMessageEventArgs>? OnLogCallback { get; set; }

    /// <summary>The queue was declared before.</summary>
    public async Task SubscribeAsync(IEnumerable<string> topics)
    {
        _channel = await connection.OpenAsync();
        await _channel.ExchangeDeclareAsync(CapRabbitMq.Exchange, "topic", durable: true);
        foreach (var topic in topics)
        {
            await _channel.QueueBindAsync(queue, CapRabbitMq.Exchange, topic);
        }
    }

    public async Task ListeningAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        await _channel!.BasicQosAsync(0, prefetch, global: false, cancellationToken);
        var consumer = new AsyncEventingBasicConsumer(_channel);
        consumer.ReceivedAsync += (_, delivery) => OnMessageCallback!(Message(delivery), delivery.DeliveryTag);
        await _channel.BasicConsumeAsync(queue, autoAck: false, consumer, cancellationToken);
        await Task.Delay(Timeout.Infinite, cancellationToken);
    }

    public async Task CommitAsync(object? sender) => await _channel!.BasicAckAsync((ulong)sender!, multiple: false);

    public async Task RejectAsync(object? sender) => await _channel!.BasicRejectAsync((ulong)sender!, requeue: true);

    public async ValueTask DisposeAsync()
    {
        if (_channel is not null)
        {
            await _channel.DisposeAsync();
        }
    }

    private TransportMessage Message(BasicDeliverEventArgs delivery)
    {
        var headers = delivery.BasicProperties.Headers!.ToDictionary(
            header => header.Key, header => header.Value is byte[] text ? Encoding.UTF8.GetString(text) : header.Value?.ToString());
        headers[CapHeaders.Group] = queue;
        return new TransportMessage(headers, delivery.Body.ToArray());
    }
}
