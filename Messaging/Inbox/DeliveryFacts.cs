namespace Shop.Messaging.Inbox;

/// <summary>What the inbox row records of the delivery, for a person who looks for an event.</summary>
/// <param name="PublishedAt">When the relay published it; null where the message does not say.</param>
/// <param name="ReceivedAt">When this delivery was received.</param>
/// <param name="Attempts">How many attempts this delivery took, from 1.</param>
/// <param name="Retries">How many delayed retries came before it.</param>
internal readonly record struct DeliveryFacts(DateTimeOffset? PublishedAt, DateTimeOffset ReceivedAt, short Attempts, short Retries);
