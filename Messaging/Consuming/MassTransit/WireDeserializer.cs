using System.Diagnostics.CodeAnalysis;
using System.Net.Mime;
using MassTransit;
using MassTransit.Context;
using MassTransit.Serialization;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Consuming.MassTransit;

/// <summary>
/// Gives MassTransit the event that the <see cref="PumpFilter"/> has read, in its contract type, so that contracts need no attribute of
/// the transport and do not depend on CLR names.
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
        throw new NotSupportedException("PumpFilter reads messages before MassTransit does.");

    public MessageBody GetMessageBody(string text) => _massTransit.GetMessageBody(text);

    public void Probe(ProbeContext context) => context.CreateScope("wire-names");

    /// <summary>
    /// Only what the bus needs: MassTransit would send replies and faults to addresses in the sender's envelope.
    /// </summary>
    private static JsonMessageEnvelope EnvelopeOf(Delivery delivery) => new()
    {
        MessageId = delivery.EventId.ToString(),
        CorrelationId = delivery.CorrelationId.ToString(),
        MessageType = [Envelope.UrnPrefix + delivery.Type],
        Message = delivery.EventBody,
    };

    /// <summary>Gives consumers the event as its own type, or as <see cref="IIntegrationEvent"/>.</summary>
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

        // MassTransit asks for interfaces this way, and would create a proxy instead of returning the event.
        public override bool TryGetMessage(Type messageType, [NotNullWhen(true)] out object? message)
        {
            message = messageType.IsInstanceOfType(@event) ? @event : null;
            return message is not null || base.TryGetMessage(messageType, out message);
        }
    }
}
