using System.Text.Json;
using Shop.Messaging;

namespace Ledger.Contracts.V1;

/// <summary>An amount was added to an account, or taken from it.</summary>
/// <param name="EventId">The id of the event in the store: duplicates carry the same.</param>
/// <param name="OccurredAt">When it happened, UTC.</param>
/// <param name="AccountId">The account, which is the stream.</param>
/// <param name="AccountVersion">The version of the stream with this event.</param>
/// <param name="Amount">Negative for a withdrawal.</param>
[EventName("ledger.amount-posted.v1")]
public sealed record AmountPosted(Guid EventId, DateTimeOffset OccurredAt, Guid AccountId, [AtLeast(1)] int AccountVersion, decimal Amount) : IIntegrationEvent
{
    string IIntegrationEvent.AggregateId => AccountId.ToString();
    int IIntegrationEvent.AggregateVersion => AccountVersion;
}

/// <summary>A message as Shop.Messaging's consumers, and MassTransit's, read it.</summary>
internal static class Message
{
    public const string ContentType = "application/vnd.masstransit+json";

    public static byte[] Of(AmountPosted posted, string wireName) => JsonSerializer.SerializeToUtf8Bytes(
        new { messageId = posted.EventId, messageType = new[] { $"urn:message:{wireName}" }, sentTime = posted.OccurredAt, message = posted }, EventJson.Options);
}
