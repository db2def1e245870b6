// Code that breaks the rules on purpose: the negative controls of RuleTests.
#pragma warning disable RS0030 // Banned here for the same reason that the rules have.
using MassTransit;
using RabbitMQ.Client;
using Shop.Messaging;
using Shop.Messaging.DomainEvents;

namespace Shop.Architecture.Tests.Broken.Domain
{
    internal sealed class ReferencesALibrary
    {
        public Mono.Cecil.TypeDefinition? Type { get; set; }
    }
}

namespace Shop.Architecture.Tests.Broken.V1
{
    [EventName("broken.by-another-name.v1")]
    public sealed record Misplaced(Guid EventId, DateTimeOffset OccurredAt, string AggregateId, int AggregateVersion) : IIntegrationEvent;

    public sealed record ContainsPersonalData(Guid EventId, string ContactEmail, string FileName, ContainsPersonalData.Place Where)
    {
        public sealed record Place(string HomeAddress, IReadOnlyList<Line> Lines);

        public sealed record Line(string PhoneNumber, string Cardinality);
    }

    public class PublicPart;

    internal static class ReadsAnOldVersion
    {
        public static decimal Total(IIntegrationEvent read) => read is Contracts.Ordering.V1.OrderPlaced placed ? placed.Total : 0;
    }

    public sealed record PublicDomainEvent(DateTimeOffset At) : Messaging.DomainEvents.DomainEvent(At);

    internal sealed class PublishesByBus(IPublishEndpoint endpoint)
    {
        public Task PublishAsync(Misplaced misplaced) => endpoint.Publish(misplaced);
    }

    internal sealed class PublishesByContext : IConsumer<Misplaced>
    {
        public Task Consume(ConsumeContext<Misplaced> context) => context.RespondAsync(context.Message);
    }

    internal sealed class PublishesByChannel(IChannel channel)
    {
        public async Task PublishAsync() => await channel.BasicPublishAsync("", "", ReadOnlyMemory<byte>.Empty);
    }
}

namespace Shop.Architecture.Tests.Broken.Features.One
{
    internal sealed class UsesAnotherFeature
    {
        public Two.OfAnotherFeature? Other { get; set; }
    }
}

namespace Shop.Architecture.Tests.Broken.Features.Two
{
    internal sealed class OfAnotherFeature;
}
