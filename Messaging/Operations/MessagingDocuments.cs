using System.Text.Json.Nodes;
using Shop.Messaging.RabbitMq;

namespace Shop.Messaging.Operations;

/// <summary>What a service's messaging looks like from outside, derived from its events and consumers.</summary>
public sealed class MessagingDocuments
{
    private readonly BrokerTopology _topology;
    private readonly string _sourcePrefix;

    internal MessagingDocuments(BrokerTopology topology, MessagingSettings settings) => (_topology, _sourcePrefix) = (topology, settings.SourcePrefix);

    /// <summary>What the service needs in the broker, as RabbitMQ definitions: exchanges, queues, bindings, its user and that one's rights.</summary>
    public JsonObject BrokerDefinitions() => RabbitMq.BrokerDefinitions.Of(_topology);

    /// <summary>The AsyncAPI 3.0 document.</summary>
    public JsonObject AsyncApi() => new AsyncApi(_topology, _sourcePrefix).Document();
}
