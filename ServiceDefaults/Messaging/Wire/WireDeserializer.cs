using System.Diagnostics.CodeAnalysis;
using System.Net.Mime;
using System.Runtime.Serialization;
using System.Text.Json;
using MassTransit;
using MassTransit.Context;
using MassTransit.Serialization;
using Shop.Contracts;

namespace Shop.ServiceDefaults.Messaging.Wire;

/// <summary>
/// Reads the envelope and translates the event's wire name into the contract type of this build, so that contracts need no
/// attribute of the transport and their CLR names stay free. A name that the contracts do not know fails here, and the
/// message goes to the dead letters.
/// </summary>
internal sealed class WireDeserializer : IMessageDeserializer, ISerializerFactory
{
    private static readonly string s_anyEvent = MessageUrn.ForTypeString<IIntegrationEvent>();
    private readonly SystemTextJsonMessageSerializer _massTransit = new();

    public ContentType ContentType => SystemTextJsonMessageSerializer.JsonContentType;

    public IMessageDeserializer CreateDeserializer() => this;

    public IMessageSerializer CreateSerializer() => _massTransit;

    public ConsumeContext Deserialize(ReceiveContext receiveContext) => new BodyConsumeContext(
        receiveContext, Deserialize(receiveContext.Body, receiveContext.TransportHeaders, receiveContext.InputAddress));

    public SerializerContext Deserialize(MessageBody body, Headers headers, Uri? destinationAddress = null)
    {
        var envelope = Read(body);
        var wireName = envelope.MessageType?.FirstOrDefault(type => type.StartsWith(Envelope.UrnPrefix, StringComparison.Ordinal))
            ?[Envelope.UrnPrefix.Length..] ?? throw new SerializationException("The envelope names no message type.");
        var type = EventCatalog.TypeOf(wireName) ?? throw new SerializationException(
            $"'{wireName}' is no event, or no version of one, that this service's contracts know.");
        if (envelope.Message is not JsonElement { ValueKind: JsonValueKind.Object } message)
        {
            throw new SerializationException($"The envelope of '{wireName}' has no message.");
        }

        try
        {
            var @event = (IIntegrationEvent)message.Deserialize(type, EventJson.Options)!;
            return new EventContext(_massTransit, @event, envelope, TypesOf(type));
        }
        catch (JsonException e)
        {
            throw new SerializationException($"The body is no '{wireName}': {e.Message}", e);
        }
    }

    public MessageBody GetMessageBody(string text) => _massTransit.GetMessageBody(text);

    public void Probe(ProbeContext context) => context.CreateScope("wire-names");

    /// <summary>What the event can be taken as: itself, a newer version of it, any event.</summary>
    private static string[] TypesOf(Type type)
    {
        List<string> types = [];
        for (var version = type; version is not null; version = EventVersions.NewerThan(version))
        {
            types.Add(MessageUrn.ForTypeString(version));
        }

        return [.. types, s_anyEvent];
    }

    private static MessageEnvelope Read(MessageBody body)
    {
        try
        {
            return JsonSerializer.Deserialize<MessageEnvelope>(body.GetBytes(), SystemTextJsonMessageSerializer.Options)
                ?? throw new SerializationException("The body is empty.");
        }
        catch (JsonException e)
        {
            throw new SerializationException($"The body is no message envelope: {e.Message}", e);
        }
    }

    /// <summary>Hands consumers the event that was read, as its own type, as a newer version, or as any integration event.</summary>
    private sealed class EventContext(
        SystemTextJsonMessageSerializer serializer, IIntegrationEvent @event, MessageEnvelope envelope, string[] types)
        : SystemTextJsonSerializerContext(serializer, SystemTextJsonMessageSerializer.Options,
            SystemTextJsonMessageSerializer.JsonContentType, new EnvelopeMessageContext(envelope, serializer), types, envelope)
    {
        public override bool TryGetMessage<T>(out T? message)
            where T : class
        {
            message = EventVersions.As<T>(@event);
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
