using System.Runtime.Serialization;

namespace Shop.Messaging.Wire;

/// <summary>A message that can never be handled, however often it is redelivered: it is dead-lettered immediately.</summary>
/// <param name="message">What is wrong with it; content from the sender is sanitized by <see cref="Untrusted"/>.</param>
/// <param name="inner">The exception while reading it.</param>
internal sealed class MalformedMessageException(string message, Exception? inner = null) : SerializationException(message, inner);
