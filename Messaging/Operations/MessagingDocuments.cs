using System.Text.Json.Nodes;
using Shop.Messaging.RabbitMq;

namespace Shop.Messaging.Operations;

/// <summary>Documents of a service's messaging, derived from its events and consumers.</summary>
public sealed class MessagingDocuments
{
    private readonly BrokerTopology _topology;
    private readonly string _sourcePrefix;

    internal MessagingDocuments(BrokerTopology topology, MessagingSettings settings) => (_topology, _sourcePrefix) = (topology, settings.SourcePrefix);

    /// <summary>The service's RabbitMQ definitions: exchanges, queues, bindings, user and permissions.</summary>
    public JsonObject BrokerDefinitions() => RabbitMq.BrokerDefinitions.Of(_topology);

    /// <summary>The AsyncAPI 3.0 document.</summary>
    public JsonObject AsyncApi() => new AsyncApi(_topology, _sourcePrefix).Document();
}
