using System.Reflection;
using System.Text.RegularExpressions;
using Shop.Messaging.RabbitMq;

namespace Shop.Messaging.Consuming;

/// <summary>A consumer and its queue.</summary>
/// <param name="Queue">Named after the service and the consumer, and bound to the consumer's events.</param>
/// <param name="Consumer">The consumer's name, for dead letters.</param>
/// <param name="Events">The types that it subscribes to: events of the contracts, or <see cref="IIntegrationEvent"/>.</param>
internal sealed partial record Subscription(ConsumerQueue Queue, string Consumer, IReadOnlyList<Type> Events)
{
    /// <summary>Adds a consumer's queue to a service's topology.</summary>
    public static Subscription Add(BrokerTopology topology, Type consumer, params IReadOnlyList<Type> events)
    {
        var name = WordStart().Replace(consumer.Name.Replace("Consumer", "", StringComparison.Ordinal), "-$0").ToLowerInvariant();
        IReadOnlyList<Type> subscribed = [.. events.SelectMany(type => type == typeof(IIntegrationEvent) ? NamedBy(consumer) ?? [type] : [type])];
        var names = subscribed.SelectMany(type => type == typeof(IIntegrationEvent) ? topology.Events.Names : [topology.Events.NameOf(type)])
            .Concat(OlderVersions(topology.Events, consumer, subscribed));
        return new Subscription(topology.Add(name, names), consumer.Name, subscribed);
    }

    /// <summary>The events that a consumer of any event names; null where it names none and gets all.</summary>
    private static IReadOnlyList<Type>? NamedBy(Type consumer) => consumer.GetCustomAttribute<SubscribesToAttribute>()?.Events;

    private static IEnumerable<string> OlderVersions(EventCatalog events, Type consumer, IReadOnlyList<Type> subscribed) =>
        consumer.GetCustomAttributes<AlsoSubscribesToAttribute>().Select(also => also.Older).Select(older =>
            subscribed.Any(newer => events.CanBecome(older, newer)) ? events.NameOf(older) : throw new InvalidOperationException(
                $"{consumer.Name} has [AlsoSubscribesTo({older.FullName})], but no IVersionStep of the contracts upcasts it to an event that the consumer subscribes to."));

    [GeneratedRegex("(?<!^)[A-Z]")]
    private static partial Regex WordStart();
}
