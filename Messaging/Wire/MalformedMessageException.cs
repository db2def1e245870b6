using System.Runtime.Serialization;

namespace Shop.Messaging.Wire;

/// <summary>A message that can never be handled, however often it is delivered: it is dead-lettered at once.</summary>
/// <param name="message">What is wrong with it; of what the sender wrote, only what <see cref="Untrusted"/> lets through.</param>
/// <param name="inner">What reading it ran into.</param>
internal sealed class MalformedMessageException(string message, Exception? inner = null) : SerializationException(message, inner);
