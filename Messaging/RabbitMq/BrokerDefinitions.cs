using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using RabbitMQ.Client;

namespace Shop.Messaging.RabbitMq;

/// <summary>
/// A service's topology as RabbitMQ definitions, with its user and permissions: declare its own queues, write to its
/// own exchanges, read its own queues, dead letters and discarded messages. The password hash is empty and filled in when the definitions are loaded.
/// </summary>
internal static class BrokerDefinitions
{
    public static JsonObject Of(BrokerTopology topology) => new()
    {
        ["vhosts"] = Array([new { name = topology.VirtualHost }]),
        ["users"] = Array([new
        {
            name = topology.Service,
            password_hash = "",
            hashing_algorithm = "rabbit_password_hashing_sha256",
            tags = System.Array.Empty<string>(),
        }]),
        ["permissions"] = Array([Permission(topology)]),
        ["policies"] = Array([KeepDeadLetters(topology)]),
        ["exchanges"] = Array(Exchanges(topology)),
        ["queues"] = Array(Queues(topology)),
        ["bindings"] = Array(Bindings(topology)),
    };

    /// <summary>Reading a dead letter counts as a delivery, and RabbitMQ 4 has a default limit of 20.</summary>
    private static Dictionary<string, object> KeepDeadLetters(BrokerTopology topology) => new()
    {
        ["vhost"] = topology.VirtualHost,
        ["name"] = "dead-letters-stay",
        ["pattern"] = @"\.(dead|discarded)$",
        ["apply-to"] = "queues",
        ["definition"] = new Dictionary<string, object> { ["delivery-limit"] = 1_000_000 },
        ["priority"] = 0,
    };

    private static object Permission(BrokerTopology topology)
    {
        var service = Regex.Escape(topology.Service);
        var consumers = topology.Queues.Select(queue => Regex.Escape(queue.Name[(topology.Service.Length + 1)..]))
            .Order(StringComparer.Ordinal).ToList();
        var ownQueues = $@"({string.Join('|', consumers)})(\.dead)?";
        return new
        {
            user = topology.Service,
            vhost = topology.VirtualHost,
            configure = consumers.Count == 0 ? "^$" : $@"^{service}\.{ownQueues}$",
            write = $@"^{service}\.",
            read = consumers.Count == 0 ? "^$" : $@"^{service}\.({ownQueues}|discarded)$",
        };
    }

    private static IEnumerable<object> Exchanges(BrokerTopology topology)
    {
        // MassTransit declares one with each queue's name, too.
        var own = topology.Queues.SelectMany(queue => (string[])[queue.Name, BrokerTopology.DeadLettersOf(queue.Name)]);
        var fanouts = topology.Exchanges.Concat(own).Concat(Shared(topology));
        return fanouts.Select(name => Exchange(topology, name, ExchangeType.Fanout))
            .Concat(topology.Queues.Count > 0 ? [Exchange(topology, topology.RedeliveryExchange, ExchangeType.Direct)] : []);
    }

    private static IEnumerable<object> Queues(BrokerTopology topology)
    {
        foreach (var queue in topology.Queues)
        {
            yield return Queue(topology, queue.Name, BrokerTopology.QueueArguments(queue.Name));
            yield return Queue(topology, BrokerTopology.DeadLettersOf(queue.Name), BrokerTopology.DeadLetterArguments());
        }

        foreach (var retry in topology.Queues.Count > 0 ? topology.RetryExchanges : [])
        {
            yield return Queue(topology, retry, topology.RetryArguments());
        }

        if (topology.Queues.Count > 0)
        {
            yield return Queue(topology, topology.DiscardedQueue, BrokerTopology.DeadLetterArguments());
        }
    }

    private static IEnumerable<object> Bindings(BrokerTopology topology)
    {
        foreach (var queue in topology.Queues)
        {
            foreach (var exchange in queue.Events.Append(queue.Name))
            {
                yield return Binding(topology, exchange, queue.Name);
            }

            yield return Binding(topology, topology.RedeliveryExchange, queue.Name, queue.Name);
            yield return Binding(topology, BrokerTopology.DeadLettersOf(queue.Name), BrokerTopology.DeadLettersOf(queue.Name));
        }

        foreach (var shared in Shared(topology))
        {
            yield return Binding(topology, shared, shared);
        }
    }

    /// <summary>Shared by all consumers of the service: each is a fanout exchange with a queue of the same name.</summary>
    private static IEnumerable<string> Shared(BrokerTopology topology) =>
        topology.Queues.Count > 0 ? topology.RetryExchanges.Append(topology.DiscardedQueue) : [];

    private static object Exchange(BrokerTopology topology, string name, string type) => new
    {
        name,
        vhost = topology.VirtualHost,
        type,
        durable = true,
        auto_delete = false,
        @internal = false,
        arguments = new { },
    };

    private static object Queue(BrokerTopology topology, string name, Dictionary<string, object?> arguments) =>
        new { name, vhost = topology.VirtualHost, durable = true, auto_delete = false, arguments };

    private static object Binding(BrokerTopology topology, string source, string destination, string routingKey = "") => new
    {
        source,
        vhost = topology.VirtualHost,
        destination,
        destination_type = "queue",
        routing_key = routingKey,
        arguments = new { },
    };

    private static JsonArray Array(IEnumerable<object> items) => [.. items.Select(item => JsonSerializer.SerializeToNode(item))];
}
