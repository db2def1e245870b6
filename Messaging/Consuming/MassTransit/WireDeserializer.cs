using System.Diagnostics.CodeAnalysis;
using System.Net.Mime;
using MassTransit;
using MassTransit.Context;
using MassTransit.Serialization;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Consuming.MassTransit;

/// <summary>
/// Hands MassTransit the event that the <see cref="PumpFilter"/> has read, in its contract type, so that contracts need no attribute of
/// the transport and their CLR names stay free.
/// </summary>
internal sealed class WireDeserializer : IMessageDeserializer, ISerializerFactory
{
    private static readonly string s_anyEvent = MessageUrn.ForTypeString<IIntegrationEvent>();
    private readonly SystemTextJsonMessageSerializer _massTransit = new();

    public ContentType ContentType => SystemTextJsonMessageSerializer.JsonContentType;

    public IMessageDeserializer CreateDeserializer() => this;

    public IMessageSerializer CreateSerializer() => _massTransit;

    public ConsumeContext Deserialize(ReceiveContext receiveContext)
    {
        var delivery = receiveContext.GetPayload<Delivery>();
        string[] types = [MessageUrn.ForTypeString(delivery.Event!.GetType()), s_anyEvent];
        return new BodyConsumeContext(receiveContext, new EventContext(_massTransit, delivery.Event, EnvelopeOf(delivery), types));
    }

    public SerializerContext Deserialize(MessageBody body, Headers headers, Uri? destinationAddress = null) =>
        throw new NotSupportedException("Messages are read before MassTransit gets them.");

    public MessageBody GetMessageBody(string text) => _massTransit.GetMessageBody(text);

    public void Probe(ProbeContext context) => context.CreateScope("wire-names");

    /// <summary>
    /// What the bus needs to know, and nothing else that the sender wrote: it would send replies and faults to the addresses in it.
    /// </summary>
    private static JsonMessageEnvelope EnvelopeOf(Delivery delivery) => new()
    {
        MessageId = delivery.EventId.ToString(),
        CorrelationId = delivery.CorrelationId.ToString(),
        MessageType = [Envelope.UrnPrefix + delivery.Type],
        Message = delivery.EventBody,
    };

    /// <summary>Hands consumers the event as its own type, or as any integration event.</summary>
    private sealed class EventContext(
        SystemTextJsonMessageSerializer serializer, IIntegrationEvent @event, MessageEnvelope envelope, string[] types)
        : SystemTextJsonSerializerContext(serializer, SystemTextJsonMessageSerializer.Options,
            SystemTextJsonMessageSerializer.JsonContentType, new EnvelopeMessageContext(envelope, serializer), types, envelope)
    {
        public override bool TryGetMessage<T>(out T? message)
            where T : class
        {
            message = @event as T;
            return message is not null || base.TryGetMessage(out message);
        }

        // The bus asks this way for an interface, and would otherwise get a proxy of its own instead of the event.
        public override bool TryGetMessage(Type messageType, [NotNullWhen(true)] out object? message)
        {
            message = messageType.IsInstanceOfType(@event) ? @event : null;
            return message is not null || base.TryGetMessage(messageType, out message);
        }
    }
}
