using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Net.Mime;
using System.Text.Json;
using MassTransit;
using MassTransit.Context;
using MassTransit.Serialization;

namespace Shop.Messaging.Wire;

/// <summary>
/// Has <see cref="MessageReader"/> read the envelope and hands the event to the bus in its contract type, so that contracts need no
/// attribute of the transport and their CLR names stay free.
/// </summary>
/// <param name="reader">Reads bodies.</param>
internal sealed class WireDeserializer(MessageReader reader) : IMessageDeserializer, ISerializerFactory
{
    private static readonly string s_anyEvent = MessageUrn.ForTypeString<IIntegrationEvent>();
    private readonly ConcurrentDictionary<Type, string[]> _types = new();
    private readonly SystemTextJsonMessageSerializer _massTransit = new();

    public ContentType ContentType => SystemTextJsonMessageSerializer.JsonContentType;

    public IMessageDeserializer CreateDeserializer() => this;

    public IMessageSerializer CreateSerializer() => _massTransit;

    public ConsumeContext Deserialize(ReceiveContext receiveContext) => new BodyConsumeContext(
        receiveContext, Deserialize(receiveContext.Body, receiveContext.TransportHeaders, receiveContext.InputAddress));

    public SerializerContext Deserialize(MessageBody body, Headers headers, Uri? destinationAddress = null)
    {
        var incoming = reader.Read(body.GetBytes());
        return new EventContext(_massTransit, reader, incoming.Event, EnvelopeOf(incoming), _types.GetOrAdd(incoming.Event.GetType(), TypesOf));
    }

    public MessageBody GetMessageBody(string text) => _massTransit.GetMessageBody(text);

    public void Probe(ProbeContext context) => context.CreateScope("wire-names");

    /// <summary>What the event can be taken as: itself, a newer version of it, any event.</summary>
    private string[] TypesOf(Type type)
    {
        List<string> types = [];
        for (var version = type; version is not null; version = reader.Events.NewerThan(version))
        {
            types.Add(MessageUrn.ForTypeString(version));
        }

        return [.. types, s_anyEvent];
    }

    /// <summary>
    /// What the bus needs to know, and nothing else that the sender wrote: it would send replies and faults to the addresses in it.
    /// </summary>
    private static JsonMessageEnvelope EnvelopeOf(IncomingMessage incoming) => new()
    {
        MessageId = incoming.EventId.ToString(),
        CorrelationId = incoming.CorrelationId.ToString(),
        MessageType = [Envelope.UrnPrefix + incoming.WireName],
        SentTime = incoming.SentTime?.UtcDateTime,
        Message = incoming.Body,
    };

    /// <summary>Hands consumers the event that was read, as its own type, as a newer version, or as any integration event.</summary>
    private sealed class EventContext(
        SystemTextJsonMessageSerializer serializer, MessageReader reader, IIntegrationEvent @event, MessageEnvelope envelope, string[] types)
        : SystemTextJsonSerializerContext(serializer, SystemTextJsonMessageSerializer.Options,
            SystemTextJsonMessageSerializer.JsonContentType, new EnvelopeMessageContext(envelope, serializer), types, envelope)
    {
        public override bool TryGetMessage<T>(out T? message)
            where T : class
        {
            message = reader.As<T>(@event);
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
